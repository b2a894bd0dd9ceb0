import Testing
import Wire

/// RFC 6265 §4.2.1; RFC 6265bis for the case of names.
@Suite struct `A Cookie header` {
  private let name = "__Secure-refresh"

  private func values(_ header: String) -> [String] {
    Cookie.values(named: name, in: Array(header.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [
    ("__Secure-refresh=a", ["a"]),
    ("x=1; __Secure-refresh=a; y=2", ["a"]),
    ("x=1;__Secure-refresh=a;y=2", ["a"]),
    ("  __Secure-refresh=a", ["a"]),
    ("x=1;  __Secure-refresh=a", ["a"]),
    ("__Secure-refresh= a ", [" a "]),
    ("__Secure-refresh=a\t", ["a\t"]),
    ("__Secure-refresh=", [""]),
    ("__Secure-refresh=a=b==", ["a=b=="]),
    ("__Secure-refresh=\"a\"", ["\"a\""]),
  ])
  func `gives the bytes of a value as they stand`(header: String, found: [String]) {
    #expect(values(header) == found)
  }

  @Test func `gives every value of a name that stands more than once, in order (T144)`() {
    #expect(values("__Secure-refresh=a; __Secure-refresh=b") == ["a", "b"])
    #expect(values("__Secure-refresh=b; x=y; __Secure-refresh=a") == ["b", "a"])
  }

  @Test(arguments: [
    "__secure-refresh=evil", "__SECURE-REFRESH=evil", "__Secure-Refresh=evil",
    "__Secure-refres=evil", "__Secure-refreshh=evil", "x__Secure-refresh=evil",
    "=__Secure-refresh=evil", "__Secure-refresh", "\"__Secure-refresh\"=evil",
    "\t__Secure-refresh=evil", " \t__Secure-refresh=evil", "__Secure-refresh =evil",
    "__Secure-refresh\t=evil", "\u{a0}__Secure-refresh=evil",
    "__Secure-refre\u{17f}h=evil", "x=\"a; b\"", ",__Secure-refresh=evil",
  ])
  func `counts only the exact name, case and all (T145)`(other: String) {
    #expect(values(other) == [])
    #expect(values(other + "; __Secure-refresh=good") == ["good"])
    #expect(values("__Secure-refresh=good; " + other) == ["good"])
  }

  @Test(arguments: [
    "x=\"unbalanced", ";;;;", "=", "", ";", " ", "a", "=;=;=", "\u{0}", "a=b;;c=d",
    String(repeating: "n", count: 7_000) + "=v",
    (0..<300).map { "c\($0)=v" }.joined(separator: "; "),
  ])
  func `that is malformed hides nothing and adds nothing (T092)`(odd: String) {
    #expect(values(odd) == [])
    #expect(values(odd + "; __Secure-refresh=a") == ["a"])
    #expect(values("__Secure-refresh=a;" + odd) == ["a"])
  }

  @Test func `may hold bytes that are no UTF-8 (T092)`() {
    let header: [UInt8] =
      [0xff, 0xfe, UInt8(ascii: ";")] + Array("__Secure-refresh=".utf8) + [0xff]
    #expect(Cookie.values(named: name, in: header) == [[0xff]])
  }
}

/// RFC 6750 §2.1, RFC 9110 §11.6.2 (T038).
@Suite struct `An Authorization header` {
  private func read(_ header: String) -> Authorization.Bearer {
    Authorization.bearer(Array(header.utf8)[...])
  }

  @Test(arguments: ["Bearer x", "bearer x", "BEARER x", "bEaReR x", "Bearer  x", "Bearer     x"])
  func `names its scheme in any case, then one or more spaces`(header: String) {
    #expect(read(header) == .token([UInt8(ascii: "x")]))
  }

  @Test(arguments: ["x", "a.b.c", "AZaz09-._~+/", "x=", "x==", "a.b-c_d"])
  func `carries exactly one b64token`(token: String) {
    #expect(read("Bearer " + token) == .token(Array(token.utf8)[...]))
  }

  @Test(arguments: [
    "Bearer", "Bearer ", "Bearer   ", "Bearer x y", "Bearer x,y", "Bearer x ", "Bearer x\t",
    "Bearer =", "Bearer =x", "Bearer x=y", "Bearer x\u{0}", "Bearer \u{e9}", "Bearer x\r\ny",
    "Bearer x,", "Bearer \"x\"", "Bearer \tx",
  ])
  func `of the scheme with anything but one token is malformed`(header: String) {
    #expect(read(header) == .malformed)
  }

  @Test(arguments: [
    "", "x", "Basic x", "Bearer\tx", "Bearerx", "Bearer\u{301} x", " Bearer x", "Bearer: x",
    "Digest a=b", "\u{212c}earer x", "Beare\u{212}r x", "Bearer,x",
  ])
  func `of any other scheme carries no bearer token`(header: String) {
    #expect(read(header) == .none)
  }

  @Test func `takes the bytes of a b64token and no other`() {
    let allowed = Set(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/".utf8)
    for byte in UInt8.min...UInt8.max {
      let found = Authorization.bearer((Array("Bearer x".utf8) + [byte, 0x79])[...])
      #expect((found != .malformed) == allowed.contains(byte), "byte \(byte)")
    }
  }

  @Test func `is read from wherever its bytes begin`() {
    let bytes = Array("xxBearer abc".utf8)
    #expect(Authorization.bearer(bytes[2...]) == .token(bytes[9...]))
  }
}
