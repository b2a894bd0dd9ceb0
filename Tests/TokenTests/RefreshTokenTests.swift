import Accounts
import Foundation
import Testing
import Token
import Wire

/// RFC 7518 §3.2, RFC 8725 §3.12.
@Suite struct `A refresh token` {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
  }

  private func refusal(_ token: [UInt8], at now: NumericDate = Fixture.now) -> TokenError? {
    do throws(TokenError) {
      _ = try fixture.store.verifyRefresh(token, issuer: Fixture.issuer, at: now)
      return nil
    } catch {
      return error
    }
  }

  /// A token under our own secret, of any header and payload.
  private func token(header: String, payload: String) throws -> [UInt8] {
    let file = try String(
      contentsOfFile: fixture.directory.path + "/refresh.secret", encoding: .utf8)
    let secret = try #require(Base64URL.decode(file.utf8.dropLast()))
    let input =
      Base64URL.encodeBytes(Array(header.utf8)) + [UInt8(ascii: ".")]
      + Base64URL.encodeBytes(Array(payload.utf8))
    return input + [UInt8(ascii: ".")] + Base64URL.encodeBytes(hmacSHA256(key: secret, input))
  }

  private static let header = "{\"alg\":\"HS256\",\"typ\":\"rt+jwt\"}"

  private static func payload(
    _ name: String = "", _ json: String? = nil, generation: Int = 1
  ) -> String {
    let texts: [(String, String)] = [
      ("iss", "\"\(Fixture.issuer)\""), ("sub", "\"\(Fixture.subject)\""), ("iat", "1000000"),
      ("exp", "1604800"), ("sid", "\"\(Fixture.session)\""), ("gen", "\(generation)"), ("ver", "1"),
    ]
    let claims = texts.filter { $0.0 != name } + (json.map { [(name, $0)] } ?? [])
    return "{" + claims.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  @Test func `comes back as it was issued, and the same claims make the same bytes`() throws {
    let claims = try Fixture.refreshClaims(generation: 7)
    let text = try fixture.store.issueRefresh(claims)
    #expect(try fixture.store.issueRefresh(claims) == text)
    let other = try KeyStore(directory: fixture.directory.path, signing: true)
    #expect(try other.issueRefresh(claims) == text)
    #expect(try fixture.store.issueRefresh(Fixture.refreshClaims(generation: 8)) != text)
    let verified = try fixture.store.verifyRefresh(
      Array(text.utf8), issuer: Fixture.issuer, at: Fixture.now)
    #expect(verified.claims == claims)
    let bytes = try token(header: Self.header, payload: Self.payload(generation: 7))
    #expect(text == String(decoding: bytes, as: UTF8.self))
  }

  @Test func `holds until its expiry, without leeway`() throws {
    let token = Array(try fixture.store.issueRefresh(Fixture.refreshClaims()).utf8)
    #expect(refusal(token, at: NumericDate(seconds: 1_604_799)) == nil)
    #expect(refusal(token, at: NumericDate(seconds: 1_604_800)) == .expired)
    #expect(refusal(token, at: NumericDate(seconds: 1_604_801)) == .expired)
  }

  @Test func `is never accepted as an access token, nor the other way round (T019)`() throws {
    let refresh = Array(try fixture.store.issueRefresh(Fixture.refreshClaims()).utf8)
    let access = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)
    #expect(refusal(refresh) == nil)
    #expect(refusal(access) == .algorithm)
    #expect(fixture.refusal(access) == nil)
    #expect(fixture.refusal(refresh) == .unknownKey)
  }

  @Test func `is held to its type even under the right secret or key (T017, T019)`() throws {
    // Neither can be made without our keys; were one signed by mistake, the type still divides.
    let asAccess = try token(
      header: "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", payload: Self.payload())
    #expect(refusal(asAccess) == .type)
    let signed = try fixture.token(header: fixture.header(type: "\"rt+jwt\""), Self.payload())
    #expect(fixture.refusal(signed) == .type)
    #expect(refusal(signed) == .algorithm)
  }

  @Test(arguments: [
    "{\"alg\":\"none\",\"typ\":\"rt+jwt\"}", "{\"alg\":\"hs256\",\"typ\":\"rt+jwt\"}",
    "{\"alg\":\"HS512\",\"typ\":\"rt+jwt\"}", "{\"typ\":\"rt+jwt\"}",
    "{\"alg\":\"ES256\",\"typ\":\"rt+jwt\"}",
  ])
  func `of another algorithm is refused (T009, T011)`(header: String) throws {
    #expect(try refusal(token(header: header, payload: Self.payload())) == .algorithm)
  }

  @Test func `with a tag cut, lengthened or changed in one bit is refused (T006)`() throws {
    let whole = try token(header: Self.header, payload: Self.payload())
    #expect(refusal(whole) == nil)
    let dot = try #require(whole.lastIndex(of: UInt8(ascii: ".")))
    let tag = try #require(Base64URL.decode(whole[(dot + 1)...]))
    var others = (0..<32).map { Array(tag.prefix($0)) } + [tag + [0], tag + tag]
    for bit in 0..<256 {
      var other = tag
      other[bit / 8] ^= 1 << (bit % 8)
      others.append(other)
    }
    for other in others {
      #expect(refusal(whole[...dot] + Base64URL.encodeBytes(other)) == .badSignature)
    }
  }

  @Test func `of another secret or another issuer is refused (T055)`() throws {
    let stranger = try Fixture()
    let foreign = Array(try stranger.store.issueRefresh(Fixture.refreshClaims()).utf8)
    #expect(refusal(foreign) == .badSignature)
    #expect(
      try refusal(
        token(header: Self.header, payload: Self.payload("iss", "\"https://other.example\"")))
        == .issuer)
  }

  @Test(arguments: ["sub", "iat", "exp", "sid", "gen", "ver"])
  func `without one of its claims is refused`(name: String) throws {
    for json in [nil, "null", "\"\"", "-1", "1.5", "[]"] {
      #expect(
        try refusal(token(header: Self.header, payload: Self.payload(name, json)))
          == .claim(name))
    }
  }

  @Test func `can only be made and read by a program that signs`() throws {
    let verifier = try KeyStore(directory: fixture.directory.path, signing: false)
    let token = Array(try fixture.store.issueRefresh(Fixture.refreshClaims()).utf8)
    #expect(throws: TokenError.signing) { try verifier.issueRefresh(Fixture.refreshClaims()) }
    #expect(throws: TokenError.signing) { try verifier.issue(Fixture.accessClaims()) }
    #expect(throws: TokenError.unknownKey) {
      try verifier.verifyRefresh(token, issuer: Fixture.issuer, at: Fixture.now)
    }
  }
}
