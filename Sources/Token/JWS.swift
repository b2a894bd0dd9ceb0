import Wire

/// What a JOSE header says, as far as it is looked at.
///
/// RFC 7515 §4.
package struct JWSHeader: Equatable, Sendable {
  package let algorithm: String
  package let keyID: String?
  package let type: String?

  /// Reads a header.
  ///
  /// - Parameter segment: It in base64url, as it stands in a token.
  /// - Throws: `malformed`, `header` or `algorithm`.
  init(_ segment: ArraySlice<UInt8>) throws(TokenError) {
    guard let header = Base64URL.decode(segment),
      let members = (try? JSON.parse(header, maximumDepth: 4))?.objectValue
    else { throw .malformed }
    // Extensions that must be understood, unencoded payloads, compression, encryption: none of
    // them is ours. `jwk`, `jku`, `x5c` and their kin are never looked at (RFC 8725 §3.10).
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

/// A header that was read before, with its bytes: whoever writes the same need not be read again.
struct KnownHeader: Sendable {
  let segment: [UInt8]
  let header: JWSHeader

  /// The header of the access tokens that a key of ours signs.
  init(of key: VerificationKey) throws(TokenError) {
    segment = Base64URL.encodeBytes(JSON.object(JSONObject(accessHeader(of: key))).encode())
    header = try JWSHeader(segment[...])
  }
}

/// The header of an access token that a key signs.
///
/// RFC 9068 §2.1.
func accessHeader(of key: VerificationKey) -> [(String, JSON)] {
  [
    ("alg", .string(key.algorithm.rawValue)), ("kid", .string(key.kid)),
    ("typ", .string("at+jwt")),
  ]
}

/// A JWS in compact serialization, taken apart and not yet believed.
///
/// RFC 7515 §3.1, §5.2.
package struct UnverifiedJWS: Sendable {
  package let header: JWSHeader
  /// The first two segments as they were sent.
  package let signingInput: ArraySlice<UInt8>
  package let signature: [UInt8]
  private let payload: [UInt8]

  /// The longest token that is even decoded; ours have about 600 bytes and their groups.
  package static let maximumByteCount = 8_192

  /// Takes a token apart.
  ///
  /// - Throws: `tooLong`, `malformed`, `header` or `algorithm`; nothing is verified yet.
  package init(_ token: [UInt8]) throws(TokenError) {
    try self.init(token, [])
  }

  /// Takes a token apart whose header may be one of those that were read before.
  init(_ token: [UInt8], _ known: [KnownHeader]) throws(TokenError) {
    // Before anything else: the work below must not grow with what a stranger sends.
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

  /// The payload of a signature that was found good by a key of this algorithm.
  ///
  /// - Throws: `algorithm` or `badSignature`.
  ///
  /// RFC 8725 §3.1: the algorithm is the key's, the header only has to agree.
  package func payload(verifiedBy key: VerificationKey) throws(TokenError) -> [UInt8] {
    guard hasSameBytes(header.algorithm, key.algorithm.rawValue) else { throw .algorithm }
    guard key.verify(signature[...], over: signingInput) else { throw .badSignature }
    return payload
  }

  /// The payload of a MAC that was found good.
  ///
  /// - Throws: `algorithm` or `badSignature`.
  package func payload(authenticatedBy secret: [UInt8]) throws(TokenError) -> [UInt8] {
    guard hasSameBytes(header.algorithm, "HS256") else { throw .algorithm }
    guard constantTimeEqual(signature, hmacSHA256(key: secret, signingInput)) else {
      throw .badSignature
    }
    return payload
  }

  /// Whether the token is of this type, as media types are compared.
  ///
  /// RFC 7515 §4.1.9, RFC 9068 §4: in any case, with or without `application/`.
  func isType(_ name: String) -> Bool {
    guard let type = header.type else { return false }
    // As we write it ourselves.
    guard !hasSameBytes(type, name) else { return true }
    let lower = type.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    return lower.elementsEqual(name.utf8) || lower.elementsEqual(("application/" + name).utf8)
  }

  /// The compact serialization of a header and a payload, signed by what is given.
  ///
  /// - Throws: `tooLong` for a token that would be refused (an account of very many groups), and
  ///   what `signature` throws.
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
