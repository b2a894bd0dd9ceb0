import Accounts
import Testing
import Token

/// RFC 7519 §4.1, RFC 9068 §2.2, §4.
@Suite struct `The claims of an access token` {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
  }

  private func refusal(_ name: String, _ json: String?) throws -> TokenError? {
    try fixture.refusal(fixture.token(Fixture.payload(name, json)))
  }

  @Test func `come back as they were issued`() throws {
    let claims = try Fixture.accessClaims(groups: ["staff", "\u{e9}t\u{e9}", "a\"b"])
    let token = try fixture.store.issue(claims)
    let verified = try fixture.store.verifyAccess(
      Array(token.utf8), issuer: Fixture.issuer, audience: Fixture.audience, at: Fixture.now,
      leeway: .seconds(2), maximumLifetime: .seconds(900))
    #expect(verified.claims == claims)
    #expect(verified.kid == fixture.key.kid)
  }

  @Test func `are not looked at before the signature (T025)`() throws {
    let forger = try SigningKey.generate(.es256)
    for payload in ["{\"exp\":1}", "{", "[]", Fixture.payload("iss", "7")] {
      #expect(try fixture.refusal(fixture.token(payload, by: forger)) == .badSignature)
    }
  }

  @Test(arguments: [
    nil, "7", "null", "[\"https://auth.example\"]",
  ])
  func `without a text as issuer are refused (T020)`(issuer: String?) throws {
    #expect(try refusal("iss", issuer) == .claim("iss"))
  }

  @Test(arguments: [
    "https://auth.example/", "https://AUTH.example", "https://auth.example ", "http://auth.example",
    "https://auth.exampl", "", "https://auth.example\\u0000",
  ])
  func `of another issuer are refused (T020)`(issuer: String) throws {
    #expect(try refusal("iss", "\"\(issuer)\"") == .issuer)
  }

  @Test(arguments: [
    "\"https://api.example\"", "[\"https://api.example\"]",
    "[\"https://other.example\",\"https://api.example\"]",
  ])
  func `for our audience, alone or among others, are accepted (T020)`(audience: String) throws {
    #expect(try refusal("aud", audience) == nil)
  }

  @Test(arguments: [
    ("\"https://other.example\"" as String?, TokenError.audience), ("[]", .audience),
    ("\"https://api.example \"", .audience), ("\"https://API.example\"", .audience),
    ("[\"https://other.example\"]", .audience), (nil, .claim("aud")), ("5", .claim("aud")),
    ("null", .claim("aud")), ("{}", .claim("aud")), ("[5]", .claim("aud")),
    ("[\"https://api.example\",5]", .claim("aud")), ("[[\"https://api.example\"]]", .claim("aud")),
  ])
  func `for another audience are refused (T020)`(audience: String?, error: TokenError) throws {
    #expect(try refusal("aud", audience) == error)
  }

  @Test(arguments: [
    nil, "null", "\"1999999999\"", "1999999999.5", "1e400", "-1", "true", "[1000900]", "{}",
    "9223372036854775808", "18446744073709551617", "1000900.0", "1e6", "-0",
  ])
  func `without a whole number as expiry are refused (T021)`(expiry: String?) throws {
    #expect(try refusal("exp", expiry) == .claim("exp"))
    #expect(try refusal("iat", expiry) == .claim("iat"))
  }

  @Test(arguments: [
    ("0", TokenError.lifetime), ("9223372036854775807", .lifetime), ("1000000", .lifetime),
  ])
  func `with an expiry that no token of ours has are refused (T021)`(
    expiry: String, error: TokenError
  ) throws {
    #expect(try refusal("exp", expiry) == error)
  }

  @Test(arguments: [Int64(0), 1, 2, 5])
  func `hold until their expiry, shifted by exactly the leeway (T022)`(leeway: Int64) throws {
    let token = try fixture.token()
    let last = NumericDate(seconds: 1_000_900 + leeway - 1)
    #expect(fixture.refusal(token, at: last, leeway: .seconds(leeway)) == nil)
    #expect(fixture.refusal(token, at: last + 1, leeway: .seconds(leeway)) == .expired)
    #expect(fixture.refusal(token, at: last + 2, leeway: .seconds(leeway)) == .expired)
    #expect(
      fixture.refusal(token, at: NumericDate(seconds: .max), leeway: .seconds(leeway)) == .expired)
  }

  @Test func `that expired still serve to sign out, if all else holds`() throws {
    let late = NumericDate(seconds: 9_000_000)
    #expect(try fixture.refusal(fixture.token(), at: late, allowExpired: true) == nil)
    let forger = try SigningKey.generate(.es256)
    #expect(
      try fixture.refusal(fixture.token(by: forger), at: late, allowExpired: true) == .badSignature)
    let foreign = try fixture.token(Fixture.payload("aud", "\"https://other.example\""))
    #expect(fixture.refusal(foreign, at: late, allowExpired: true) == .audience)
  }

  @Test(arguments: [("iat", "1000003"), ("iat", "1000890"), ("nbf", "1000003"), ("nbf", "1000060")])
  func `from the future are refused beyond the leeway (T023)`(name: String, date: String) throws {
    #expect(try refusal(name, date) == .notYetValid)
  }

  @Test(arguments: [("iat", "1000002"), ("nbf", "1000002"), ("nbf", "0")])
  func `from the future are accepted within the leeway (T023)`(name: String, date: String) throws {
    #expect(try refusal(name, date) == nil)
  }

  @Test(arguments: ["null", "\"0\"", "1.5", "-1"])
  func `with a start that is no date are refused (T023)`(start: String) throws {
    #expect(try refusal("nbf", start) == .claim("nbf"))
  }

  @Test func `that live longer than any of ours are refused (T023)`() throws {
    let decade = try fixture.token(Fixture.payload("exp", "\(1_000_000 + 315_360_000)"))
    #expect(fixture.refusal(decade) == .lifetime)
    let longer = try fixture.token(Fixture.payload("exp", "1000901"))
    #expect(fixture.refusal(longer) == .lifetime)
    #expect(fixture.refusal(longer, maximumLifetime: .seconds(901)) == nil)
    #expect(try refusal("iat", "0") == .lifetime)
  }

  @Test(arguments: [
    nil, "\"\"", "7", "null", "[]", "\"alice\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaa\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"AAAAAAAAAAAAAAAAAAAAAAAAAA\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaa1\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaa\\u0000\"",
    "\"\u{430}aaaaaaaaaaaaaaaaaaaaaaaa\"",
  ])
  func `without identifiers of ours are refused (T024)`(identifier: String?) throws {
    #expect(try refusal("sub", identifier) == .claim("sub"))
    #expect(try refusal("sid", identifier) == .claim("sid"))
  }

  @Test(arguments: [nil, "null", "0", "-1", "1.0", "\"1\"", "true", "9223372036854775808"])
  func `without a generation and a version are refused (T058)`(number: String?) throws {
    #expect(try refusal("ver", number) == .claim("ver"))
    #expect(try refusal("gen", number) == .claim("gen"))
  }

  @Test(arguments: [nil, "null", "7", "[]"])
  func `without a token identifier and a name are refused`(text: String?) throws {
    #expect(try refusal("jti", text) == .claim("jti"))
    #expect(try refusal("preferred_username", text) == .claim("preferred_username"))
  }

  @Test(arguments: [nil, "null", "\"staff\"", "[7]", "[\"staff\",null]", "{}"])
  func `without a list of texts as groups are refused`(groups: String?) throws {
    #expect(try refusal("groups", groups) == .claim("groups"))
    #expect(try refusal("groups", "[]") == nil)
  }

  @Test func `too many for a token that would be accepted are not issued`() throws {
    let groups = (0..<1_000).map { "group-\($0)" }
    #expect(throws: TokenError.tooLong) {
      try fixture.store.issue(Fixture.accessClaims(groups: groups))
    }
  }
}
