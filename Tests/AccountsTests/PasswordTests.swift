import Testing

@testable import Accounts

/// NIST SP 800-63B-4 §3.1.1.2; T119 to T123.
@Suite struct `A password` {
  @Test(arguments: [1, 8, 64, 128, 1_024])
  func `has up to 1024 bytes, none of them cut`(count: Int) throws {
    let text = String(repeating: "x", count: count)
    let password = try #require(Password(text))
    #expect(password.bytes == Array(text.utf8))
    #expect(password.codePointCount == count)
  }

  @Test func `has at most 1024 bytes; an empty one is only too short`() {
    #expect(Password("")?.codePointCount == 0)
    #expect(Password(String(repeating: "x", count: 1_025)) == nil)
    #expect(Password(String(repeating: "x", count: 1_000_000)) == nil)
    #expect(Password(String(repeating: "é", count: 512)) != nil)
    #expect(Password(String(repeating: "é", count: 513)) == nil)
  }

  /// U+1D15E has 4 bytes and becomes U+1D157 U+1D165, 8 bytes.
  @Test func `has no more than 1024 bytes after normalization either`() throws {
    let password = try #require(Password(String(repeating: "\u{1d15e}", count: 128)))
    #expect(password.bytes.count == 1_024)
    #expect(password.codePointCount == 256)
    #expect(Password(String(repeating: "\u{1d15e}", count: 129)) == nil)
  }

  @Test(arguments: [72, 128, 256, 1_023])
  func `differs from one that begins alike`(count: Int) {
    let head = String(repeating: "x", count: count)
    #expect(Password(head + "a") != Password(head + "b"))
    #expect(Password(head) != Password(head + "b"))
  }

  @Test func `does not end at a NUL`() throws {
    let password = try #require(Password("correct horse battery\u{0}X"))
    #expect(password.bytes.count == 23)
    #expect(password.bytes.suffix(2) == [0, UInt8(ascii: "X")])
    #expect(password != Password("correct horse battery"))
    #expect(password != Password("correct horse battery\u{0}Y"))
  }

  /// Unicode Standard Annex #15; pairs from NormalizationTest.txt.
  @Test(
    arguments: [
      ("e\u{301}", [0xe9]),
      ("\u{e9}", [0xe9]),
      ("\u{212b}", [0xc5]),
      ("\u{2126}", [0x3a9]),
      ("\u{212a}", [0x4b]),
      ("D\u{307}\u{323}", [0x1e0c, 0x307]),
      ("D\u{323}\u{307}", [0x1e0c, 0x307]),
      ("\u{1e0a}\u{323}", [0x1e0c, 0x307]),
      ("\u{1100}\u{1161}\u{11a8}", [0xac01]),
      ("\u{958}", [0x915, 0x93c]),
      ("a\u{315}\u{300}\u{5ae}b", [0xe0, 0x5ae, 0x315, 0x62]),
    ] as [(String, [UInt32])])
  func `is composed to normalization form C`(text: String, scalars: [UInt32]) throws {
    let password = try #require(Password(text))
    #expect(
      String(decoding: password.bytes, as: UTF8.self).unicodeScalars.map(\.value) == scalars)
    #expect(password.codePointCount == scalars.count)
  }

  @Test func `is not trimmed, folded in case or replaced by what looks like it`() {
    for (one, other) in [
      (" correct horse", "correct horse"), ("correct horse ", "correct horse"),
      ("correct  horse", "correct horse"), ("Correct Horse", "correct horse"),
      ("\u{fb01}sh", "fish"), ("\u{ff41}bc", "abc"), ("x\u{b2}", "x2"),
      ("a\u{a0}b", "a b"), ("a\u{ad}b", "ab"), ("a\u{200b}b", "ab"), ("a\r\nb", "a\nb"),
    ] {
      #expect(Password(one) != nil)
      #expect(Password(one) != Password(other), "\(one) is not \(other)")
    }
  }

  @Test func `is counted in code points, not in bytes or characters`() {
    #expect(Password(String(repeating: "\u{1f600}", count: 15))?.codePointCount == 15)
    #expect(Password(String(repeating: "\u{1f600}", count: 14))?.codePointCount == 14)
    #expect(Password(String(repeating: "\u{30a}", count: 15))?.codePointCount == 15)
    #expect(Password("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}")?.codePointCount == 5)
    #expect(Password("a\r\nb")?.codePointCount == 4)
    #expect(Password("e\u{301}e\u{301}")?.codePointCount == 2)
  }
}
