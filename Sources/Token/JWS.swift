import Wire

/// A JWS in compact serialization, taken apart and not yet believed.
///
/// RFC 7515 §3.1, §5.2.
package struct UnverifiedJWS: Sendable {
  package let algorithm: String
  package let keyID: String?
  package let type: String?
  /// The first two segments as they were sent.
  package let signingInput: ArraySlice<UInt8>
  package let signature: [UInt8]
  private let payload: [UInt8]

  /// The longest token that is even decoded; ours have about 600 bytes and their groups.
  package static let maximumByteCount = 8_192

  /// Takes a token apart.
  ///
  /// - Throws: `tooLong`, `malformed` or `header`; nothing is verified yet.
  package init(_ token: [UInt8]) throws(TokenError) {
    // Before anything else: the work below must not grow with what a stranger sends.
    guard token.count <= UnverifiedJWS.maximumByteCount else { throw .tooLong }
    guard let first = token.firstIndex(of: UInt8(ascii: ".")),
      let second = token[(first + 1)...].firstIndex(of: UInt8(ascii: ".")),
      !token[(second + 1)...].contains(UInt8(ascii: ".")),
      let header = Base64URL.decode(token[..<first]),
      let payload = Base64URL.decode(token[(first + 1)..<second]),
      let signature = Base64URL.decode(token[(second + 1)...]),
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
    guard hasSameBytes(algorithm, key.algorithm.rawValue) else { throw .algorithm }
    guard key.verify(signature[...], over: signingInput) else { throw .badSignature }
    return payload
  }

  /// The payload of a MAC that was found good.
  ///
  /// - Throws: `algorithm` or `badSignature`.
  package func payload(authenticatedBy secret: [UInt8]) throws(TokenError) -> [UInt8] {
    guard hasSameBytes(algorithm, "HS256") else { throw .algorithm }
    guard constantTimeEqual(signature, hmacSHA256(key: secret, signingInput)) else {
      throw .badSignature
    }
    return payload
  }

  /// Whether the token is of this type, as media types are compared.
  ///
  /// RFC 7515 §4.1.9, RFC 9068 §4: in any case, with or without `application/`.
  func isType(_ name: String) -> Bool {
    guard let type else { return false }
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
