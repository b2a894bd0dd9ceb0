import Foundation
import Testing
import Token
import Wire

/// RFC 7515 §4, RFC 8725 §3; every token here is signed by our own key unless it says otherwise.
@Suite struct `The header of an access token` {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
  }

  /// The header with one member's JSON replaced or added.
  private func header(_ name: String, _ json: String?, kid: String? = nil) -> String {
    var members = [
      ("alg", "\"ES256\""), ("kid", "\"\(kid ?? fixture.key.kid)\""), ("typ", "\"at+jwt\""),
    ].filter { $0.0 != name }
    if let json { members.append((name, json)) }
    return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `names the algorithm and the key that signed`(algorithm: SignatureAlgorithm) throws {
    let fixture = try Fixture(algorithm)
    #expect(try fixture.refusal(fixture.token()) == nil)
    let issued = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)
    #expect(fixture.refusal(issued) == nil)
    let head = try #require(Base64URL.decode(issued.prefix { $0 != UInt8(ascii: ".") }))
    #expect(
      String(decoding: head, as: UTF8.self)
        == "{\"alg\":\"\(algorithm.rawValue)\",\"kid\":\"\(fixture.key.kid)\",\"typ\":\"at+jwt\"}")
  }

  @Test(arguments: ["none", "None", "NONE", "nOnE", "none ", ""])
  func `asking for no algorithm is refused, signed or not (T009)`(algorithm: String) throws {
    let signed = try fixture.token(header: header("alg", "\"\(algorithm)\""))
    #expect(fixture.refusal(signed) == .algorithm)
    let dots = try #require(signed.lastIndex(of: UInt8(ascii: ".")))
    #expect(fixture.refusal(Array(signed[...dots])) == .algorithm)
  }

  @Test func `asking for a MAC under any form of the public key is refused (T010)`() throws {
    let jwks = fixture.store.jwks()
    let members = try #require(
      JSON.parse(jwks).objectValue?["keys"]?.arrayValue?
        .first { $0.objectValue?["kid"] == .string(fixture.key.kid) })
    let point = try ["x", "y"].flatMap { name in
      let text = try #require(members.objectValue?[name]?.stringValue)
      return try #require(Base64URL.decode(text.utf8))
    }
    let spki =
      try bytes(hex: "3059301306072a8648ce3d020106082a8648ce3d03010703420004") + point
    let pem =
      "-----BEGIN PUBLIC KEY-----\n"
      + Data(spki).base64EncodedString(options: .lineLength64Characters)
      + "\n-----END PUBLIC KEY-----\n"
    for secret in [Array(pem.utf8), spki, point, [4] + point, members.encode(), jwks] {
      for type in ["at+jwt", "rt+jwt"] {
        let head = "{\"alg\":\"HS256\",\"kid\":\"\(fixture.key.kid)\",\"typ\":\"\(type)\"}"
        let input =
          Base64URL.encodeBytes(Array(head.utf8)) + [UInt8(ascii: ".")]
          + Base64URL.encodeBytes(Array(Fixture.payload.utf8))
        let token =
          input + [UInt8(ascii: ".")] + Base64URL.encodeBytes(hmacSHA256(key: secret, input))
        #expect(fixture.refusal(token) == .algorithm)
        #expect(throws: TokenError.badSignature) {
          try fixture.store.verifyRefresh(token, issuer: Fixture.issuer, at: Fixture.now)
        }
      }
    }
  }

  @Test(arguments: [
    nil, "null", "5", "[\"ES256\"]", "{}", "true", "\"es256\"", "\"Es256\"", "\"EdDSA\"",
    "\"Ed25519\"", "\"ES384\"", "\"ES256 \"", "\"ES256\\u0000\"", "\"HS256\"", "\"RS256\"",
  ])
  func `of another algorithm than its key's is refused (T011)`(algorithm: String?) throws {
    #expect(try fixture.refusal(fixture.token(header: header("alg", algorithm))) == .algorithm)
  }

  @Test func `of a key under the other name of its primitive is refused (T011)`() throws {
    for (bound, other) in [(SignatureAlgorithm.ed25519, "EdDSA"), (.edDSA, "Ed25519")] {
      let fixture = try Fixture(bound)
      let head = fixture.header.replacing("\"\(bound.rawValue)\"", with: "\"\(other)\"")
      #expect(try fixture.refusal(fixture.token(header: head)) == .algorithm)
    }
  }

  @Test func `of one loaded key with the algorithm and signature of another is refused (T011)`()
    throws
  {
    // The current key is ES256; the next one is made Ed25519, and both are loaded.
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: .ed25519)
    try fixture.store.refresh()
    let edwards = try Fixture.privateKey(of: fixture.directory, .next)
    let current = try Fixture.privateKey(of: fixture.directory, .current)
    #expect(edwards.algorithm == .ed25519)
    #expect(current.algorithm == .es256)
    func token(_ algorithm: String, _ kid: String, _ signer: SigningKey) throws -> [UInt8] {
      try fixture.token(
        header: "{\"alg\":\"\(algorithm)\",\"kid\":\"\(kid)\",\"typ\":\"at+jwt\"}", by: signer)
    }
    #expect(try fixture.refusal(token("Ed25519", edwards.kid, edwards)) == nil)
    #expect(try fixture.refusal(token("ES256", current.kid, current)) == nil)
    #expect(try fixture.refusal(token("Ed25519", current.kid, edwards)) == .algorithm)
    #expect(try fixture.refusal(token("ES256", current.kid, edwards)) == .badSignature)
    #expect(try fixture.refusal(token("ES256", edwards.kid, current)) == .algorithm)
    #expect(try fixture.refusal(token("Ed25519", edwards.kid, current)) == .badSignature)
  }

  @Test func `carrying the forger's key is never believed (T012)`() throws {
    let forger = try SigningKey.generate(.es256)
    let before = fixture.store.jwks()
    let jwk =
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"kid\":\"\(forger.kid)\"}"
    for (kid, refusal) in [
      (fixture.key.kid, TokenError.badSignature), (forger.kid, .unknownKey),
    ] {
      let token = try fixture.token(header: header("jwk", jwk, kid: kid), by: forger)
      #expect(fixture.refusal(token) == refusal)
    }
    let keyless = "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"jwk\":\(jwk)}"
    #expect(try fixture.refusal(fixture.token(header: keyless, by: forger)) == .unknownKey)
    #expect(fixture.store.jwks() == before)
    #expect(fixture.store.revision == 1)
  }

  @Test(arguments: [
    "\"jwk\":{}", "\"jku\":\"https://127.0.0.1:1/\"", "\"x5u\":\"file:///etc/passwd\"",
    "\"x5c\":[\"AA\"]", "\"x5t\":\"AA\"",
  ])
  func `may point at keys elsewhere, and nobody looks (T013)`(member: String) throws {
    let head = fixture.header.dropLast() + "," + member + "}"
    #expect(try fixture.refusal(fixture.token(header: String(head))) == nil)
    let forger = try SigningKey.generate(.es256)
    #expect(
      try fixture.refusal(fixture.token(header: String(head), by: forger)) == .badSignature)
  }

  @Test(arguments: [
    (String?.none, TokenError.unknownKey), ("\"unknown\"", .unknownKey), ("\"\"", .unknownKey),
    ("\"../../../../etc/passwd\"", .unknownKey), ("\"x' OR 1=1--\"", .unknownKey),
    ("\"|id\"", .unknownKey), ("\"\\u0000\"", .unknownKey), ("7", .header), ("null", .header),
    ("[]", .header),
  ])
  func `without the kid of a loaded key is refused (T014)`(
    kid: String?, refusal: TokenError
  ) throws {
    #expect(try fixture.refusal(fixture.token(header: header("kid", kid))) == refusal)
  }

  @Test func `with a kid of ours spoiled, or of 10 kB, is refused (T014)`() throws {
    let kid = fixture.key.kid
    let kids = [
      kid + "\\u0000", kid + " ", kid + "=", String(kid.dropLast()), kid.uppercased(),
      "../private/" + kid,
    ]
    for spoiled in kids {
      #expect(
        try fixture.refusal(fixture.token(header: header("kid", "\"\(spoiled)\"")))
          == .unknownKey, "\(spoiled)")
    }
    let long = "\"" + String(repeating: "k", count: 10_000) + "\""
    #expect(try fixture.refusal(fixture.token(header: header("kid", long))) == .tooLong)
  }

  @Test(arguments: ["[\"exp\"]", "[\"b64\"]", "[\"x-unknown\"]", "[]", "\"exp\"", "null"])
  func `with critical extensions is refused (T015)`(critical: String) throws {
    #expect(try fixture.refusal(fixture.token(header: header("crit", critical))) == .header)
  }

  @Test func `is not concerned by a member named crit of the payload (T015)`() throws {
    #expect(
      try fixture.refusal(fixture.token(Fixture.payload("crit", "[\"exp\"]"))) == nil)
  }

  @Test(arguments: [
    ("b64", "false"), ("b64", "true"), ("zip", "\"DEF\""), ("enc", "\"A256GCM\""), ("zip", "null"),
  ])
  func `with an unencoded, compressed or encrypted payload is refused (T016)`(
    name: String, json: String
  ) throws {
    #expect(try fixture.refusal(fixture.token(header: header(name, json))) == .header)
  }

  @Test(arguments: [
    nil, "\"JWT\"", "\"rt+jwt\"", "\"logout+jwt\"", "\"\"", "\"at\"", "\"at+jwt \"",
    "\"application/at+jwt;v=1\"", "\"text/at+jwt\"", "\"application/application/at+jwt\"",
    "\"at+jwt\\u0000\"", "\"\u{430}t+jwt\"",
  ])
  func `of another type is refused (T017)`(type: String?) throws {
    #expect(try fixture.refusal(fixture.token(header: header("typ", type))) == .type)
  }

  @Test(arguments: ["5", "null", "[\"at+jwt\"]"])
  func `of a type that is no text is refused (T017)`(type: String) throws {
    #expect(try fixture.refusal(fixture.token(header: header("typ", type))) == .header)
  }

  @Test(arguments: [
    "\"at+jwt\"", "\"AT+JWT\"", "\"application/at+jwt\"", "\"Application/AT+jwt\"",
    "\"at\\u002bjwt\"",
  ])
  func `names its type as media types are compared (T018)`(type: String) throws {
    #expect(try fixture.refusal(fixture.token(header: header("typ", type))) == nil)
  }
}
