import Gate
import Testing

@Suite struct `A return address` {
  @Test(arguments: [
    "/", "/a", "/a/b?c=d&e=%20f", "/?//x", "/a//b", "/ä?ö", "/a?x=https://evil.test/",
    "/.//x", "/@evil.test", "/a:b@c",
  ])
  func `is a path and query of the site`(path: String) {
    #expect(ReturnPath(path).text == path)
  }

  @Test(arguments: [
    "", "a", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/a\\b",
    "https://evil.test/", "javascript:alert(1)", "/a\n", "/a\r\nX: y", "/\t/evil.test", "/a#b",
    " /a", "/a\u{0}", "/a\u{7f}", "/a\u{85}b", "/a\u{2028}b", "?a", "#", "%2f%2fevil.test",
  ])
  func `becomes the start page where it is anything else`(path: String) {
    #expect(ReturnPath(path).text == "/")
  }

  @Test func `has at most 2048 bytes`() {
    let longest = "/" + String(repeating: "a", count: 2_047)
    #expect(ReturnPath(longest).text == longest)
    #expect(ReturnPath(longest + "a").text == "/")
  }

  @Test func `is a header's value with spaces and letters beyond ASCII escaped`() {
    #expect(ReturnPath("/a b?ü=\"<>").headerValue == "/a%20b?%C3%BC=%22%3C%3E")
    #expect(ReturnPath("/a%20b?c=d&e='").headerValue == "/a%20b?c=d&e='")
  }
}

@Suite struct `A query` {
  @Test func `is read as it is written`() throws {
    let text = Query.encode([("site", "https://a.test"), ("return", "/a?b=c&d=%20 +ü")])
    #expect(text == "site=https%3A%2F%2Fa.test&return=%2Fa%3Fb%3Dc%26d%3D%2520%20%2B%C3%BC")
    let query = try #require(Query(text))
    #expect(query["site"] == "https://a.test" && query["return"] == "/a?b=c&d=%20 +ü")
    #expect(query["state"] == nil)
    #expect(Query("a=1+2&b")?["a"] == "1+2" && Query("a=1+2&b")?["b"] == "")
  }

  @Test(arguments: ["a=1&a=2", "a=%", "a=%2", "a=%zz", "a=%ff", "%61=1&a=2"])
  func `is refused where it is not clear`(text: String) {
    #expect(Query(text) == nil)
  }
}
