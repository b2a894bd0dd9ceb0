package import Accounts
import Wire

/// The claims of an access token.
///
/// RFC 9068 §2.2.
package struct AccessClaims: Equatable, Sendable {
  package let issuer: String
  package let audience: String
  package let subject: AccountID
  package let issuedAt: NumericDate
  package let expires: NumericDate
  /// `jti`: the unique identifier of this token.
  package let tokenID: String
  package let session: SessionID
  /// `gen`: the generation of the session when the token was issued.
  package let generation: Int64
  /// `ver`: the account's token version.
  package let version: Int64
  package let username: String
  package let groups: [String]

  package init(
    issuer: String, audience: String, subject: AccountID, issuedAt: NumericDate,
    expires: NumericDate, tokenID: String, session: SessionID, generation: Int64,
    version: Int64, username: String, groups: [String]
  ) {
    self.issuer = issuer
    self.audience = audience
    self.subject = subject
    self.issuedAt = issuedAt
    self.expires = expires
    self.tokenID = tokenID
    self.session = session
    self.generation = generation
    self.version = version
    self.username = username
    self.groups = groups
  }

  var members: [(String, JSON)] {
    [
      ("iss", .string(issuer)), ("aud", .string(audience)), ("sub", .string(subject.text)),
      ("iat", .integer(issuedAt.seconds)), ("exp", .integer(expires.seconds)),
      ("jti", .string(tokenID)), ("sid", .string(session.text)), ("gen", .integer(generation)),
      ("ver", .integer(version)), ("preferred_username", .string(username)),
      ("groups", .array(groups.map { .string($0) })),
    ]
  }
}

/// The claims of a refresh token, which is opaque to the client.
package struct RefreshClaims: Equatable, Sendable {
  package let issuer: String
  package let subject: AccountID
  package let issuedAt: NumericDate
  package let expires: NumericDate
  package let session: SessionID
  package let generation: Int64
  package let version: Int64

  package init(
    issuer: String, subject: AccountID, issuedAt: NumericDate, expires: NumericDate,
    session: SessionID, generation: Int64, version: Int64
  ) {
    self.issuer = issuer
    self.subject = subject
    self.issuedAt = issuedAt
    self.expires = expires
    self.session = session
    self.generation = generation
    self.version = version
  }

  var members: [(String, JSON)] {
    [
      ("iss", .string(issuer)), ("sub", .string(subject.text)),
      ("iat", .integer(issuedAt.seconds)), ("exp", .integer(expires.seconds)),
      ("sid", .string(session.text)), ("gen", .integer(generation)),
      ("ver", .integer(version)),
    ]
  }
}

/// The claims of a gate token, with which one browser may use one site.
///
/// The audience is the site, so another site does not accept the token.
package struct GateClaims: Equatable, Sendable {
  package let issuer: String
  /// The origin of the site: the `aud` claim.
  package let site: String
  package let subject: AccountID
  package let session: SessionID
  /// `ver`: the account's token version.
  package let version: Int64
  package let issuedAt: NumericDate
  package let expires: NumericDate
  /// `jti`: the unique identifier of this token.
  package let tokenID: String

  package init(
    issuer: String, site: String, subject: AccountID, session: SessionID, version: Int64,
    issuedAt: NumericDate, expires: NumericDate, tokenID: String
  ) {
    self.issuer = issuer
    self.site = site
    self.subject = subject
    self.session = session
    self.version = version
    self.issuedAt = issuedAt
    self.expires = expires
    self.tokenID = tokenID
  }

  var members: [(String, JSON)] {
    [
      ("iss", .string(issuer)), ("aud", .string(site)), ("sub", .string(subject.text)),
      ("sid", .string(session.text)), ("ver", .integer(version)),
      ("iat", .integer(issuedAt.seconds)), ("exp", .integer(expires.seconds)),
      ("jti", .string(tokenID)),
    ]
  }
}

/// A gate token whose signature and claims have been verified.
///
/// Only verification makes one.
package final class VerifiedGateToken: Equatable, Sendable {
  package let claims: GateClaims

  init(claims: GateClaims) {
    self.claims = claims
  }

  package static func == (left: VerifiedGateToken, right: VerifiedGateToken) -> Bool {
    left.claims == right.claims
  }
}

/// An access token whose signature and claims have been verified.
///
/// Only verification makes one.
///
/// It is a class, so that a copy costs one reference count instead of one for each string in it.
package final class VerifiedAccessToken: Equatable, Sendable {
  package let claims: AccessClaims
  /// The identifier of the key that signed it.
  package let kid: String

  init(claims: AccessClaims, kid: String) {
    self.claims = claims
    self.kid = kid
  }

  package static func == (left: VerifiedAccessToken, right: VerifiedAccessToken) -> Bool {
    left.claims == right.claims && left.kid == right.kid
  }
}

/// A refresh token whose MAC and claims have been verified.
///
/// Only verification makes one.
package struct VerifiedRefreshToken: Equatable, Sendable {
  package let claims: RefreshClaims

  init(claims: RefreshClaims) {
    self.claims = claims
  }
}

/// Reads the claims of a payload.
///
/// Each must have exactly its type.
///
/// `null` is an error like any other wrong type: a null expiry must not mean "no expiry" (T021).
struct ClaimReader {
  private let object: JSONObject

  /// Parses a payload.
  ///
  /// - Throws: `malformed` unless the payload is one JSON object without duplicate members.
  init(_ payload: [UInt8]) throws(TokenError) {
    guard let object = (try? JSON.parse(payload, maximumDepth: 4))?.objectValue else {
      throw .malformed
    }
    self.object = object
  }

  func has(_ name: String) -> Bool { object[name] != nil }

  func string(_ name: String) throws(TokenError) -> String {
    guard let text = object[name]?.stringValue else { throw .claim(name) }
    return text
  }

  func integer(_ name: String, atLeast minimum: Int64 = .min) throws(TokenError) -> Int64 {
    guard let value = object[name]?.integerValue, value >= minimum else { throw .claim(name) }
    return value
  }

  func date(_ name: String) throws(TokenError) -> NumericDate {
    NumericDate(seconds: try integer(name, atLeast: 0))
  }

  func strings(_ name: String) throws(TokenError) -> [String] {
    guard let values = object[name]?.arrayValue else { throw .claim(name) }
    let texts = values.compactMap(\.stringValue)
    guard texts.count == values.count else { throw .claim(name) }
    return texts
  }

  func subject() throws(TokenError) -> AccountID {
    guard let account = AccountID(try string("sub")) else { throw .claim("sub") }
    return account
  }

  func session() throws(TokenError) -> SessionID {
    guard let session = SessionID(try string("sid")) else { throw .claim("sid") }
    return session
  }

  /// Whether `aud` equals this audience, or is an array of strings that contains it.
  ///
  /// RFC 7519 §4.1.3.
  func isFor(_ audience: String) throws(TokenError) -> Bool {
    if let one = object["aud"]?.stringValue { return hasSameBytes(one, audience) }
    return try strings("aud").contains { hasSameBytes($0, audience) }
  }

  /// Requires that `iss` equals the issuer byte for byte.
  func requireIssuer(_ issuer: String) throws(TokenError) {
    guard try hasSameBytes(string("iss"), issuer) else { throw .issuer }
  }
}
