import Testing
import Wire

@testable import Token

private struct Signatures: Decodable {
  struct Group: Decodable {
    let publicKeyJwk: JWK?
    let publicKey: Raw
    let tests: [Case]
  }
  /// The key in hexadecimal: not every edge case has a JWK.
  struct Raw: Decodable {
    let uncompressed: String?
    let pk: String?
  }
  struct Case: Decodable {
    let tcId: Int
    let comment: String
    let msg: String
    let sig: String
    let result: String
  }
  let testGroups: [Group]
}

private struct MACs: Decodable {
  struct Group: Decodable {
    let tagSize: Int
    let tests: [Case]
  }
  struct Case: Decodable {
    let tcId: Int
    let key: String
    let msg: String
    let tag: String
    let result: String
  }
  let testGroups: [Group]
}

private struct WebCrypto: Decodable {
  struct Group: Decodable {
    let comment: String
    let `private`: JWK?
    let `public`: JWK?
    let tests: [Case]
    enum CodingKeys: String, CodingKey { case comment, `private`, `public`, tests }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      comment = try container.decode(String.self, forKey: .comment)
      tests = try container.decode([Case].self, forKey: .tests)
      // Some groups have a set of keys here, or keys of other types: not ours.
      `private` = try? container.decode(JWK.self, forKey: .private)
      `public` = try? container.decode(JWK.self, forKey: .public)
    }
  }
  struct Case: Decodable {
    let tcId: Int
    let comment: String
    let jws: JWS?
    let result: String
  }
  /// A compact serialization, or another one as an object.
  struct JWS: Decodable {
    let text: String?
    init(from decoder: any Decoder) throws {
      text = try? decoder.singleValueContainer().decode(String.self)
    }
  }
  let testGroups: [Group]
}

/// C2SP/wycheproof.
@Suite(.enabled(if: Vectors.exist)) struct `Wycheproof's vectors` {
  // Prepared is what `check` makes of its keys.
  private func verified(
    _ file: String, _ algorithm: SignatureAlgorithm, prepared: Bool = false
  ) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for group in try Vectors.load("wycheproof/" + file, as: Signatures.self).testGroups {
      let key: VerificationKey
      if algorithm == .es256 {
        let point = try bytes(hex: group.publicKey.uncompressed).dropFirst()
        key = try VerificationKey(
          algorithm: .es256, coordinates: [Array(point.prefix(32)), Array(point.suffix(32))])
      } else {
        key = try VerificationKey(
          algorithm: algorithm, coordinates: [bytes(hex: group.publicKey.pk)])
      }
      if prepared { key.prepare() }
      #expect(key.isPrepared == (prepared && algorithm == .es256))
      for test in group.tests {
        let signature = try bytes(hex: test.sig)
        let message = try bytes(hex: test.msg)
        #expect(
          key.verify(signature[...], over: message[...]) == (test.result == "valid"),
          "\(test.tcId): \(test.comment)")
        counts[test.result, default: 0] += 1
      }
    }
    return counts
  }

  @Test(arguments: [SignatureAlgorithm.ed25519, .edDSA])
  func `of Ed25519 come out as they say (T004)`(algorithm: SignatureAlgorithm) throws {
    for prepared in [false, true] {
      #expect(
        try verified("ed25519_test.json", algorithm, prepared: prepared)
          == ["valid": 88, "invalid": 63])
    }
  }

  @Test(arguments: [false, true])
  func `of ECDSA with P-256 and raw signatures come out as they say (T005, T035)`(
    prepared: Bool
  ) throws {
    #expect(
      try verified("ecdsa_secp256r1_sha256_p1363_test.json", .es256, prepared: prepared)
        == ["valid": 173, "invalid": 89])
  }

  @Test(arguments: [false, true])
  func `of ECDSA with DER signatures are all refused: a JWS has raw ones (T033)`(
    prepared: Bool
  ) throws {
    for group in try Vectors.load(
      "wycheproof/ecdsa_secp256r1_sha256_test.json", as: Signatures.self
    )
    .testGroups {
      let point = try bytes(hex: group.publicKey.uncompressed).dropFirst()
      let key = try VerificationKey(
        algorithm: .es256, coordinates: [Array(point.prefix(32)), Array(point.suffix(32))])
      if prepared { key.prepare() }
      #expect(key.isPrepared == prepared)
      for test in group.tests {
        let signature = try bytes(hex: test.sig)
        let message = try bytes(hex: test.msg)
        #expect(!key.verify(signature[...], over: message[...]), "\(test.tcId): \(test.comment)")
      }
    }
  }

  @Test func `of HMAC-SHA-256 come out as they say, and no short tag is taken (T006)`() throws {
    var count = 0
    for group in try Vectors.load("wycheproof/hmac_sha256_test.json", as: MACs.self).testGroups {
      for test in group.tests {
        let mac = hmacSHA256(key: try bytes(hex: test.key), try bytes(hex: test.msg))
        let tag = try bytes(hex: test.tag)
        #expect(mac.count == 32)
        #expect(
          constantTimeEqual(Array(mac.prefix(group.tagSize / 8)), tag) == (test.result == "valid"),
          "\(test.tcId)")
        if group.tagSize < 256 { #expect(!constantTimeEqual(mac, tag)) }
        count += 1
      }
    }
    #expect(count == 174)
  }

  @Test
  func `of JSON Web Signatures come out as they say, foreign algorithms refused (T009, T012)`()
    throws
  {
    var counts: [String: Int] = [:]
    for group in try Vectors.load("wycheproof/json_web_crypto_test.json", as: WebCrypto.self)
      .testGroups
    {
      let keys = (group.public ?? group.private)
      for test in group.tests {
        guard let jws = test.jws else { continue }
        let unverified = try? UnverifiedJWS(Array((jws.text ?? "{}").utf8))
        var verifies = false
        if keys?.kty == "oct", let secret = try keys?.secret {
          verifies = (try? unverified?.payload(authenticatedBy: secret)) != nil
        } else if keys?.crv == "P-256", let key = try keys?.verificationKey(.es256) {
          verifies = (try? unverified?.payload(verifiedBy: key)) != nil
        } else if let key = try? SigningKey.generate(.es256).verification {
          verifies = (try? unverified?.payload(verifiedBy: key)) != nil
        }
        let isOurs = group.comment == "jws_aes" || group.comment == "jws_ec"
        #expect(verifies == (isOurs && test.result == "valid"), "\(test.tcId): \(test.comment)")
        counts[group.comment, default: 0] += 1
      }
    }
    #expect(counts["jws_aes"] == 17)
    #expect(counts["jws_ec"] == 15)
  }
}
