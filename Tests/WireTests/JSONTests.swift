import Testing
import Wire

private func parse(_ text: String) -> JSON? { try? JSON.parse(Array(text.utf8)) }

/// RFC 8259.
@Suite struct `A JSON text` {
  @Test(arguments: [
    ("null", JSON.null), ("true", .bool(true)), (" false\n", .bool(false)),
    ("\t7\r\n", .integer(7)),
    ("\"\"", .string("")), ("[]", .array([])), ("[ ]", .array([])), ("{}", .object(JSONObject([]))),
    ("[1,[2],{}]", .array([.integer(1), .array([.integer(2)]), .object(JSONObject([]))])),
    (
      "{ \"a\" : 1 , \"b\" : null }",
      .object(JSONObject([("a", .integer(1)), ("b", .null)]))
    ),
    ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", .string("\"\\/\u{8}\u{c}\n\r\t")),
    ("\"\\u0041\\u00e9\\u20AC\\ud834\\udD1e\\u0000\"", .string("A\u{e9}\u{20ac}\u{1d11e}\u{0}")),
    ("\"\u{1d11e}\u{7f}\u{10ffff}\"", .string("\u{1d11e}\u{7f}\u{10ffff}")),
  ])
  func `of the grammar is read`(text: String, value: JSON) {
    #expect(parse(text) == value)
  }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "NaN", "Infinity", "undefined", "'a'", "[", "]", "{", "}",
    "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\" 1}", "{a:1}", "{1:1}",
    "{\"a\":1 \"b\":2}",
    "[1 2]", "[,1]", "{,}", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u12g4\"",
    "\"\\U0041\"", "\"\\u+041\"", "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1f}\"", "hello",
    "\u{a0}1", "1\u{b}", "[1]]",
  ])
  func `outside the grammar is refused (T168)`(text: String) {
    #expect(parse(text) == nil)
  }

  @Test(arguments: [
    "[1,]", "{\"a\":1,}", "[1,,2]", "1 2", "{} {}", "{}x", "{}\u{0}", "1,", "/**/1", "1//x",
    "{\"a\":1/*c*/}", "#\n1",
  ])
  func `with a trailing comma, a comment or more after it is refused (T027, T171)`(text: String) {
    #expect(parse(text) == nil)
  }

  @Test(arguments: [
    [0xef, 0xbb, 0xbf, 0x31],  // UTF-8 with a BOM
    [0xff, 0xfe, 0x31, 0x00], [0xfe, 0xff, 0x00, 0x31], [0x31, 0x00], [0x00, 0x31],  // UTF-16
    [0xff, 0xfe, 0, 0, 0x31, 0, 0, 0], [0, 0, 0, 0x31], [0x31, 0, 0, 0],  // UTF-32
    [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xe0, 0x80, 0xaf, 0x22],  // overlong
    [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xed, 0xbf, 0xbf, 0x22],  // surrogates
    [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22],  // > U+10FFFF
    [0x22, 0xff, 0x22], [0x22, 0x80, 0x22], [0x22, 0xc3, 0x22], [0x22, 0xe2, 0x82, 0x22],
    [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d],  // in a name
  ])
  func `in another encoding than UTF-8 is refused (T171)`(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSON.parse(bytes) }
  }

  @Test(arguments: [
    "\\ud800", "\\udc00", "\\ud800x", "\\ud800\\n", "\\ud800\\u0041", "\\ud800\\ud800",
    "\\udc00\\ud800", "\\uDBFF", "\\ud800\\u", "\\ud800\\udc0",
  ])
  func `with half of a surrogate pair is refused (T171)`(escape: String) {
    #expect(parse("\"\(escape)\"") == nil)
    #expect(parse("{\"\(escape)\":1}") == nil)
  }

  @Test(arguments: [
    "{\"sub\":\"alice\",\"sub\":\"admin\"}", "{\"exp\":1,\"exp\":4102444800}",
    "{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"\":1,\"\":2}", "[{\"x\":{\"a\":1,\"a\":1}}]",
    "{\"\u{e9}\":1,\"\\u00e9\":1}", "{\"/\":1,\"\\/\":1}",
  ])
  func `with a member twice is refused, escaped or not (T025, T169)`(text: String) throws {
    #expect {
      try JSON.parse(Array(text.utf8))
    } throws: { error in
      guard case JSONError.duplicateMember = error else { return false }
      return true
    }
  }

  @Test func `finds a member twice also among many`() {
    let many = (0..<5_000).map { "\"m\($0)\":\($0)" }
    #expect(parse("{" + many.joined(separator: ",") + "}")?.objectValue?.members.count == 5_000)
    for twice in ["m0", "m15", "m16", "m17", "m4999"] {
      #expect(parse("{" + many.joined(separator: ",") + ",\"\(twice)\":0}") == nil)
    }
  }

  @Test func `keeps names apart that are only canonically equivalent`() throws {
    // é as one scalar and as two; K and the Kelvin sign.
    let object = try #require(
      parse("{\"\u{e9}\":1,\"e\u{301}\":2,\"K\":3,\"\u{212a}\":4}")?.objectValue)
    #expect(object["\u{e9}"] == .integer(1))
    #expect(object["e\u{301}"] == .integer(2))
    #expect(object["K"] == .integer(3))
    #expect(object["\u{212a}"] == .integer(4))
    #expect(object["k"] == nil)
    #expect(JSON.string("\u{e9}") != .string("e\u{301}"))
  }
}

@Suite struct `A JSON number` {
  @Test(arguments: [
    ("0", Int64(0)), ("7", 7), ("-7", -7), ("1999999999", 1_999_999_999),
    ("9223372036854775807", .max), ("-9223372036854775808", .min),
  ])
  func `that is whole and fits is an integer`(text: String, value: Int64) {
    #expect(parse(text)?.integerValue == value)
  }

  @Test(arguments: [
    "-0", "1.0", "1.5", "1999999999.5", "1e0", "1E+2", "1e400", "1e-400", "0.0", "-1.25e7",
    "9223372036854775808", "-9223372036854775809", "18446744073709551617",
  ])
  func `of another form is a number and no integer (T021, T170)`(text: String) throws {
    guard case .number(let number) = try #require(parse(text)) else {
      Issue.record("\(text) is no number")
      return
    }
    #expect(number.integer == nil)
    #expect(number.text == text)
  }

  @Test(arguments: [
    "01", "00", "-01", "+1", "-", ".5", "1.", "1.e1", "1e", "1e+", "0x10", "1_000", "1,5", "--1",
    "\u{661}",
  ])
  func `outside the grammar is refused`(text: String) {
    #expect(parse(text) == nil)
  }

  @Test func `of 100 kB is read or refused, and never an integer (T170)`() {
    let text = String(repeating: "9", count: 100_000)
    #expect(parse(text)?.integerValue == nil)
    #expect(parse("-" + text)?.integerValue == nil)
  }
}

@Suite struct `The depth of a JSON text` {
  private func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
    Array(
      (String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
  }

  @Test(arguments: [("[", "]"), ("{\"a\":", "}")])
  func `may reach the limit and not pass it`(open: String, close: String) throws {
    _ = try JSON.parse(nested(16, open, close))
    _ = try JSON.parse(nested(3, open, close), maximumDepth: 3)
    #expect(throws: JSONError.self) { try JSON.parse(nested(17, open, close)) }
    #expect(throws: JSONError.self) { try JSON.parse(nested(4, open, close), maximumDepth: 3) }
  }

  @Test(arguments: [513, 10_000, 20_000, 100_000, 1_000_000])
  func `costs no more than the limit, closed or not (T028, T170)`(depth: Int) {
    for close in ["", "]"] {
      let text = nested(depth, "[", close)
      // It stops at the byte that is too deep, so what follows costs nothing.
      #expect(throws: JSONError.tooDeep(offset: 16)) { try JSON.parse(text) }
    }
    #expect(throws: JSONError.self) { try JSON.parse(nested(depth, "{\"a\":", "}")) }
  }
}

@Suite struct `A JSON value` {
  @Test(arguments: [
    "null", "true", "-12", "\"\"", "[]", "{}", "[1,\"a\",null,[true,false],{\"b\":{}}]",
    "{\"z\":1,\"a\":[2],\"\u{e9}\":\"\u{1f600}\"}",
  ])
  func `is written as it was read, members in their order`(text: String) throws {
    #expect(String(decoding: try #require(parse(text)).encode(), as: UTF8.self) == text)
  }

  @Test func `has an accessor for its own type alone`() {
    let values: [JSON] = [
      .null, .bool(true), .integer(1), .string("a"), .array([]), .object(JSONObject([])),
    ]
    #expect(values.map { $0.boolValue != nil } == [false, true, false, false, false, false])
    #expect(values.map { $0.integerValue != nil } == [false, false, true, false, false, false])
    #expect(values.map { $0.stringValue != nil } == [false, false, false, true, false, false])
    #expect(values.map { $0.arrayValue != nil } == [false, false, false, false, true, false])
    #expect(values.map { $0.objectValue != nil } == [false, false, false, false, false, true])
  }

  @Test func `survives writing and reading whatever a string holds`() throws {
    for plane in stride(from: UInt32(0), to: 0x11_0000, by: 0x1000) {
      var scalars = String.UnicodeScalarView()
      scalars.append(contentsOf: (plane..<plane + 0x1000).compactMap(Unicode.Scalar.init))
      let text = JSON.string(String(scalars))
      #expect(try JSON.parse(text.encode()) == text, "U+\(String(plane, radix: 16)) and on")
    }
  }

  @Test func `is written in one line that no terminal reorders (T228)`() {
    let inert: [UInt32] =
      Array(0..<0x20) + Array(0x7f...0x9f) + [0x200e, 0x200f] + Array(0x2028...0x202e)
      + Array(0x2066...0x2069)
    for value in inert {
      let text = String(String.UnicodeScalarView([Unicode.Scalar(value)].compactMap(\.self)))
      let written = JSON.object(JSONObject([(text, .string(text))])).encode()
      #expect(written.allSatisfy { (0x20..<0x7f).contains($0) }, "U+\(String(value, radix: 16))")
    }
    let quoted = JSON.string("a\"b\\c").encode()
    #expect(String(decoding: quoted, as: UTF8.self) == "\"a\\\"b\\\\c\"")
  }
}
