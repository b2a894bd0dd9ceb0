import Accounts
import Text
import Wire

/// The members of a JOSE header that are used.
///
/// RFC 7515 §4.
package struct JWSHeader: Equatable, Sendable {
  package let algorithm: String
  package let keyID: String?
  package let type: String?

  /// Parses a header.
  ///
  /// - Parameter segment: The first segment of a token, in base64url.
  /// - Throws: `malformed`, `header` or `algorithm`.
  init(_ segment: ArraySlice<UInt8>) throws(TokenError) {
    guard let header = Base64URL.decode(segment),
      let members = (try? JSON.parse(header, maximumDepth: 4))?.objectValue
    else { throw .malformed }
    // Critical extensions, unencoded payloads, compression and encryption are not supported. `jwk`,
    // `jku`, `x5c` and similar members are never read (RFC 8725 §3.10).
    for name in ["crit", "b64", "zip", "enc"] where members[name] != nil { throw .header }
    guard let algorithm = members["alg"]?.stringValue else { throw .algorithm }
    for name in ["kid", "typ"] where members[name] != nil {
      guard members[name]?.stringValue != nil else { throw .header }
    }
    self.algorithm = algorithm
    keyID = members["kid"]?.stringValue
    type = members["typ"]?.stringValue
  }
}

/// A parsed header with its bytes, so that an identical header need not be parsed again.
struct KnownHeader: Sendable {
  let segment: [UInt8]
  let header: JWSHeader

  /// The header of the tokens of this type that this key signs.
  init(of key: VerificationKey, type: TokenType) throws(TokenError) {
    segment = Base64URL.encodeBytes(JSON.object(JSONObject(tokenHeader(of: key, type))).encode())
    header = try JWSHeader(segment[...])
  }
}

/// The types of tokens that a signing key signs; the raw value is `typ`.
enum TokenType: String, CaseIterable {
  /// RFC 9068 §2.1.
  case access = "at+jwt"
  case gate = "gt+jwt"
}

/// The members of the header of a token of this type that this key signs.
func tokenHeader(of key: VerificationKey, _ type: TokenType) -> [(String, JSON)] {
  [
    ("alg", .string(key.algorithm.rawValue)), ("kid", .string(key.kid)),
    ("typ", .string(type.rawValue)),
  ]
}

/// A JWS in compact serialization that has been parsed but not verified.
///
/// RFC 7515 §3.1, §5.2.
package struct UnverifiedJWS: Sendable {
  package let header: JWSHeader
  /// The first two segments as they were sent.
  package let signingInput: ArraySlice<UInt8>
  package let signature: [UInt8]
  private let payload: [UInt8]

  /// The longest token that is decoded, in bytes.
  ///
  /// Ours have about 600 bytes plus their groups.
  package static let maximumByteCount = 8_192

  /// Parses a token without verifying it.
  ///
  /// - Throws: `tooLong`, `malformed`, `header` or `algorithm`.
  package init(_ token: [UInt8]) throws(TokenError) {
    try self.init(token, [])
  }

  /// Parses a token without verifying it.
  ///
  /// A header that equals a known one is not parsed again.
  init(_ token: [UInt8], _ known: [KnownHeader]) throws(TokenError) {
    // This check comes first: it bounds the work that an unauthenticated client can cause.
    guard token.count <= UnverifiedJWS.maximumByteCount else { throw .tooLong }
    guard let first = token.firstIndex(of: UInt8(ascii: ".")),
      let second = token[(first + 1)...].firstIndex(of: UInt8(ascii: ".")),
      !token[(second + 1)...].contains(UInt8(ascii: ".")),
      let payload = Base64URL.decode(token[(first + 1)..<second]),
      let signature = Base64URL.decode(token[(second + 1)...])
    else { throw .malformed }
    let same = known.first { token[..<first] == $0.segment[...] }
    header = if let same { same.header } else { try JWSHeader(token[..<first]) }
    signingInput = token[..<second]
    self.signature = signature
    self.payload = payload
  }

  /// Verifies the signature with a public key, and returns the payload.
  ///
  /// - Throws: `algorithm` or `badSignature`.
  ///
  /// The key determines the algorithm, and `alg` must agree with it (RFC 8725 §3.1).
  package func payload(verifiedBy key: VerificationKey) throws(TokenError) -> [UInt8] {
    guard hasSameBytes(header.algorithm, key.algorithm.rawValue) else { throw .algorithm }
    guard key.verify(signature[...], over: signingInput) else { throw .badSignature }
    return payload
  }

  /// Verifies the MAC with a secret, and returns the payload.
  ///
  /// - Throws: `algorithm` or `badSignature`.
  package func payload(authenticatedBy secret: [UInt8]) throws(TokenError) -> [UInt8] {
    guard hasSameBytes(header.algorithm, "HS256") else { throw .algorithm }
    guard constantTimeEqual(signature, hmacSHA256(key: secret, signingInput)) else {
      throw .badSignature
    }
    return payload
  }

  /// The times in the payload, which are not verified.
  func unverifiedTimes() throws(TokenError) -> (issuedAt: NumericDate, expires: NumericDate) {
    let claims = try ClaimReader(payload)
    return (try claims.date("iat"), try claims.date("exp"))
  }

  /// Whether `typ` is this type.
  ///
  /// Media types are compared case-insensitively, and `application/` is optional (RFC 7515 §4.1.9,
  /// RFC 9068 §4).
  func isType(_ name: String) -> Bool {
    guard let type = header.type else { return false }
    // Fast path: the spelling that we issue.
    guard !hasSameBytes(type, name) else { return true }
    let lower = asciiLowercased(type.utf8)
    return lower.elementsEqual(name.utf8) || lower.elementsEqual(("application/" + name).utf8)
  }

  /// Signs a header and a payload, and returns the compact serialization.
  ///
  /// - Throws: `tooLong` for a token that verification would refuse, as for an account with very
  ///   many groups; and the errors of `signature`.
  static func sign(
    header: [(String, JSON)], payload: [(String, JSON)],
    _ signature: (_ input: [UInt8]) throws(TokenError) -> [UInt8]
  ) throws(TokenError) -> String {
    var token = Base64URL.encodeBytes(JSON.object(JSONObject(header)).encode())
    token.append(UInt8(ascii: "."))
    token += Base64URL.encodeBytes(JSON.object(JSONObject(payload)).encode())
    let signed = try signature(token)
    token.append(UInt8(ascii: "."))
    token += Base64URL.encodeBytes(signed)
    guard token.count <= maximumByteCount else { throw .tooLong }
    return String(decoding: token, as: UTF8.self)
  }
}
