import Testing

@testable import Accounts

/// T128, T136.
@Suite struct `A username` {
  @Test func `has the letters a to z in either case, digits, and five marks, and nothing else`() {
    let marks = "._-+@"
    for scalar in (0..<0x250).compactMap(Unicode.Scalar.init) {
      let character = Character(scalar)
      let isAllowed =
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || ("0"..."9").contains(scalar) || marks.unicodeScalars.contains(scalar)
      #expect((Username("a\(character)b") != nil) == isAllowed, "U+\(scalar.value)")
    }
  }

  @Test(arguments: ["Alice", "ALICE", "aLiCe", "alice"])
  func `is the same in either case`(text: String) {
    #expect(Username(text)?.text == "alice")
  }

  @Test(arguments: [" alice", "alice ", "alice\n", "\talice", "al ice", "alice\u{0}", "alice\r\n"])
  func `is never trimmed`(text: String) {
    #expect(Username(text) == nil)
  }

  @Test(arguments: ["andre\u{301}", "andr\u{e9}", "\u{430}lice", "\u{212a}elvin", "\u{17f}am", "ﬁ"])
  func `has no look-alike beyond ASCII`(text: String) {
    #expect(Username(text) == nil)
  }

  @Test func `has 1 to 64 characters`() {
    #expect(Username("") == nil)
    #expect(Username("a") != nil)
    #expect(Username(String(repeating: "a", count: 64)) != nil)
    #expect(Username(String(repeating: "a", count: 65)) == nil)
  }

  @Test func `may be an e-mail address or marks alone`() {
    #expect(Username("Alice.Smith+site@example-1.org")?.text == "alice.smith+site@example-1.org")
    #expect(Username("._-+@") != nil)
  }
}

@Suite struct `A group` {
  @Test(arguments: ["a", "staff", "web-admins", "a.b_c-9"])
  func `has lower-case letters, digits and three marks`(text: String) {
    #expect(Group(text)?.text == text)
  }

  @Test(arguments: [
    "", "Staff", "a b", "a,b", "a@b", "a+b", "a\r\nX-Auth-User: root", "é", "a\u{0}",
  ])
  func `has nothing that another header or list could grow from`(text: String) {
    #expect(Group(text) == nil)
  }

  @Test func `has at most 64 characters`() {
    #expect(Group(String(repeating: "g", count: 64)) != nil)
    #expect(Group(String(repeating: "g", count: 65)) == nil)
  }

  @Test func `list keeps its order, and an empty text is an empty list`() {
    #expect(Group.list("")?.isEmpty == true)
    #expect(Group.list("staff")?.map(\.text) == ["staff"])
    #expect(Group.list("staff,admin,b")?.map(\.text) == ["staff", "admin", "b"])
  }

  @Test(arguments: [",", "a,", ",a", "a,,b", "a, b", "a,A", "a,b,a", " "])
  func `list has no empty, malformed or repeated part`(text: String) {
    #expect(Group.list(text) == nil)
  }
}

/// RFC 4648 §6.
@Suite struct `An identifier` {
  private let sample = "abcdefghijklmnopqrstuvwx27"

  @Test func `is 26 characters of lower-case base32`() throws {
    #expect(AccountID(sample)?.text == sample)
    #expect(SessionID(sample)?.text == sample)
    #expect(try #require(SessionID(sample)).prefix == "abcdefgh")
  }

  @Test func `has no other length`() {
    for text in ["", String(sample.dropLast()), sample + "a", sample + "======"] {
      #expect(AccountID(text) == nil)
      #expect(SessionID(text) == nil)
    }
  }

  @Test func `has no other byte`() {
    for scalar in (0..<0x180).compactMap(Unicode.Scalar.init) {
      let isAllowed = ("a"..."z").contains(scalar) || ("2"..."7").contains(scalar)
      let text = String(sample.dropLast()) + String(Character(scalar))
      #expect((AccountID(text) != nil) == isAllowed, "U+\(scalar.value)")
      #expect((SessionID(text) != nil) == isAllowed, "U+\(scalar.value)")
    }
    // 26 bytes, but not 26 characters.
    #expect(SessionID(String(sample.dropLast(2)) + "é") == nil)
  }
}
