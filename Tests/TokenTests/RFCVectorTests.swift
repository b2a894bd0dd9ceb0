import Testing
import Token
import Wire

private struct Examples: Decodable {
  struct Positive: Decodable {
    let name: String
    let alg: String
    let compact: String
    let payload: String?
    let jwk_public: JWK?
    let jwk_private: JWK?
  }
  struct Thumbprint: Decodable {
    let name: String
    let jwk: [String: String]
    let thumbprint: String
  }
  struct Negative: Decodable {
    let name: String
    let compact: String
    let expect: String
  }
  let positives: [Positive]
  let thumbprints: [Thumbprint]
  let derived_negatives: [Negative]

  static let all = Result { try Vectors.load("rfc7515_rfc8037.json", as: Examples.self) }

  static func example(_ prefix: String) throws -> Positive {
    try #require(try all.get().positives.first { $0.name.hasPrefix(prefix) })
  }
}

/// RFC 7515 appendix A, RFC 8037 appendix A, RFC 7638 §3.1.
@Suite(.enabled(if: Vectors.exist)) struct `The examples of the RFCs` {
  @Test(arguments: [
    ("RFC8037 A.4", SignatureAlgorithm.edDSA), ("RFC7515 A.3", .es256),
  ])
  func `that are ours verify, and with one bit changed they do not (T001, T002)`(
    name: String, algorithm: SignatureAlgorithm
  ) throws {
    let example = try Examples.example(name)
    let key = try #require(example.jwk_public).verificationKey(algorithm)
    let compact = Array(example.compact.utf8)
    let payload = try UnverifiedJWS(compact).payload(verifiedBy: key)
    // The vector shows the payload with LF where the RFC has CR LF.
    #expect(
      String(decoding: payload, as: UTF8.self).replacing("\r\n", with: "\n")
        == example.payload?.replacing("\r\n", with: "\n"))

    let input = compact.prefix { $0 != UInt8(ascii: ".") }.count + 3
    var changed = compact
    changed[input] = changed[input] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    #expect(throws: TokenError.badSignature) {
      try UnverifiedJWS(changed).payload(verifiedBy: key)
    }
  }

  @Test func `of Ed25519 are signed byte for byte (T001)`() throws {
    let example = try Examples.example("RFC8037 A.4")
    let key = try #require(example.jwk_private).signingKey(.edDSA)
    let parts = example.compact.split(separator: ".")
    let input = Array(parts[0..<2].joined(separator: ".").utf8)
    #expect(Base64URL.encode(try key.sign(input)) == String(parts[2]))
  }

  @Test func `of ES256 are signed so that they verify, differently each time (T002)`() throws {
    let example = try Examples.example("RFC7515 A.3")
    let key = try #require(example.jwk_private).signingKey(.es256)
    let input = Array("signing input".utf8)
    let once = try key.sign(input)
    let twice = try key.sign(input)
    #expect(once != twice)
    #expect(key.verification.verify(once[...], over: input[...]))
    #expect(key.verification.verify(twice[...], over: input[...]))
  }

  @Test(arguments: [
    "RFC7515 A.1", "RFC7515 A.2", "RFC7515 A.3", "RFC7515 A.4", "RFC7515 A.5", "RFC8037 A.4",
  ])
  func `of another algorithm than the key's are refused by their header (T002, T003)`(
    name: String
  ) throws {
    let example = try Examples.example(name)
    let unverified = try UnverifiedJWS(Array(example.compact.utf8))
    for algorithm in SignatureAlgorithm.allCases where algorithm.rawValue != example.alg {
      let key = try SigningKey.generate(algorithm)
      #expect(throws: TokenError.algorithm) { try unverified.payload(verifiedBy: key.verification) }
    }
    guard example.alg != "HS256" else { return }
    #expect(throws: TokenError.algorithm) { try unverified.payload(authenticatedBy: [1, 2, 3]) }
  }

  @Test func `of HS256 verify under the refresh tokens' MAC alone`() throws {
    let example = try Examples.example("RFC7515 A.1")
    let secret = Array("\u{3}#5K".utf8)
    let unverified = try UnverifiedJWS(Array(example.compact.utf8))
    #expect(throws: TokenError.badSignature) { try unverified.payload(authenticatedBy: secret) }
    let key = try #require(example.jwk_private).secret
    #expect(try !unverified.payload(authenticatedBy: key).isEmpty)
  }

  @Test func `give the thumbprints of keys (T042)`() throws {
    let thumbprints = try Examples.all.get().thumbprints
    for example in thumbprints {
      let members = example.jwk.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
      #expect(
        Base64URL.encode(sha256(JSON.object(JSONObject(members)).encode())) == example.thumbprint)
    }
    let edwards = try #require(thumbprints.first { $0.jwk["kty"] == "OKP" })
    let text = try #require(edwards.jwk["x"])
    let x = try #require(Base64URL.decode(text.utf8))
    for algorithm in [SignatureAlgorithm.edDSA, .ed25519] {
      #expect(try VerificationKey(algorithm: algorithm, coordinates: [x]).kid == edwards.thumbprint)
    }
  }

  @Test func `spoiled in forty-four ways are refused (T029, T030, T031, T033, T035)`() throws {
    let example = try Examples.example("RFC7515 A.3")
    let key = try #require(example.jwk_public).verificationKey(.es256)
    let negatives = try Examples.all.get().derived_negatives
    #expect(negatives.count == 44)
    for negative in negatives {
      let verifies =
        (try? UnverifiedJWS(Array(negative.compact.utf8)).payload(verifiedBy: key)) != nil
      // The one twin that plain ECDSA has, (r, n - s): nothing here keys on a token's spelling.
      #expect(verifies == negative.name.contains("malleable twin"), "\(negative.name)")
    }
  }

  @Test func `with non-canonical trailing bits in any segment are refused (T029)`() throws {
    let example = try Examples.example("RFC8037 A.4")
    let key = try #require(example.jwk_public).verificationKey(.edDSA)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    let segments = example.compact.split(separator: ".").map { Array($0.utf8) }
    for segment in segments.indices where segments[segment].count % 4 != 0 {
      for last in alphabet where last != segments[segment].last {
        var spoiled = segments
        spoiled[segment][spoiled[segment].count - 1] = last
        let token = Array(spoiled.joined(separator: [UInt8(ascii: ".")]))
        #expect(throws: TokenError.self) { try UnverifiedJWS(token).payload(verifiedBy: key) }
      }
    }
  }
}
