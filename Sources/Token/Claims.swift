package import Accounts
import Wire

/// What an access token says.
///
/// RFC 9068 §2.2.
package struct AccessClaims: Equatable, Sendable {
  package let issuer: String
  package let audience: String
  package let subject: AccountID
  package let issuedAt: NumericDate
  package let expires: NumericDate
  /// `jti`: this token and no other.
  package let tokenID: String
  package let session: SessionID
  /// The refresh generation it was issued with.
  package let generation: Int64
  /// The account's token version.
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

/// What a refresh token says; to the client it is opaque.
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

/// An access token whose signature and claims were found good; only that makes one.
///
/// A class, so that handing it on costs one count and not one for each text in it.
package final class VerifiedAccessToken: Equatable, Sendable {
  package let claims: AccessClaims
  /// The key that signed it.
  package let kid: String

  init(claims: AccessClaims, kid: String) {
    self.claims = claims
    self.kid = kid
  }

  package static func == (left: VerifiedAccessToken, right: VerifiedAccessToken) -> Bool {
    left.claims == right.claims && left.kid == right.kid
  }
}

/// A refresh token whose MAC and claims were found good; only that makes one.
package struct VerifiedRefreshToken: Equatable, Sendable {
  package let claims: RefreshClaims

  init(claims: RefreshClaims) {
    self.claims = claims
  }
}

/// Reads claims of a payload, each of exactly its type.
///
/// A `null` is of no type: a missing expiry must not become no expiry (T021).
struct ClaimReader {
  private let object: JSONObject

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

  /// Whether `aud` is this audience, or a list of texts with it among them.
  ///
  /// RFC 7519 §4.1.3.
  func isFor(_ audience: String) throws(TokenError) -> Bool {
    if let one = object["aud"]?.stringValue { return hasSameBytes(one, audience) }
    return try strings("aud").contains { hasSameBytes($0, audience) }
  }

  /// Holds `iss` to the issuer, byte for byte.
  func requireIssuer(_ issuer: String) throws(TokenError) {
    guard try hasSameBytes(string("iss"), issuer) else { throw .issuer }
  }
}
