import Accounts
import Foundation
import PasswordHash
import Testing

/// A list in a file that is gone once it is open.
private func opened(_ file: [UInt8]) throws(BlocklistError) -> Blocklist {
  let path = NSTemporaryDirectory() + "/tallystick-list-" + UUID().uuidString
  _ = FileManager.default.createFile(atPath: path, contents: Data(file))
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try Blocklist(at: path)
}

/// NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 5.0 6.2.4.
@Suite struct `A blocklist` {
  @Test func `finds each of its words and nothing between them`() throws {
    let words = ["aardvark", "baseball", "password", "passwords", "zzzzzzzz", "mönchen", "123456"]
    let file = Blocklist.build(from: words.map { Array($0.utf8) })
    let list = try opened(file)
    for word in words { #expect(list.contains(Array(word.utf8)), "\(word)") }
    for other in [
      "", "a", "aardvar", "aardvarks", "passwor", "password1", "Password", "zzzzzzzzz", "\n",
      "aardvark\nbaseball", "\u{0}", "\u{7f}\u{7f}",
    ] {
      #expect(!list.contains(Array(other.utf8)), "\(other)")
    }
  }

  @Test func `is made of lower-case words, each once, sorted by bytes, none too short`() {
    let words = ["PASSWORD", "password", "Zebra99", "short", "tab\tinside", "élèves", "trust no1"]
    let file = Blocklist.build(from: words.map { Array($0.utf8) })
    #expect(String(decoding: file, as: UTF8.self) == "password\ntrust no1\nzebra99\nélèves\n")
    #expect(Blocklist.build(from: [Array("abc".utf8)], minimum: 3) == Array("abc\n".utf8))
  }

  /// A list that finds nothing would let everything pass.
  @Test(arguments: ["", "password", "b\na\n", "a\na\n", "\n", "a\n\nb\n"])
  func `that is not what was made is refused`(file: String) throws {
    let error = #expect(throws: BlocklistError.self) {
      try opened(Array(file.utf8)).verify()
    }
    #expect(error?.reason.contains("/tallystick-list-") == true)
  }

  @Test func `that is missing is refused with its path`() throws {
    let error = #expect(throws: BlocklistError.self) { try Blocklist(at: "/nonexistent/list") }
    #expect(error?.reason == "/nonexistent/list cannot be read: No such file or directory")
    #expect(throws: BlocklistError.self) { try Blocklist(at: "/") }
  }

  @Test func `reads one word a line`() {
    let words = Blocklist.words(inLines: Array("one\r\ntwo\n\nthree".utf8))
    #expect(words.map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "three"])
  }

  /// A word of eight bytes is what is left of a longer one, and dates are digits in either order.
  @Test func `is completed with cut words, dates and what Debian lacks`() {
    let made = Set(Blocklist.completed([Array("basketball".utf8), Array("football".utf8)]))
    for word in [
      "basketball", "basketba", "football", "31121999", "12311999", "01011900", "12312039",
      "p@ssw0rd", "lifehack",
    ] {
      #expect(made.contains(Array(word.utf8)), "\(word)")
    }
    for other in ["basketbal", "footbal", "31131999", "01012040", "00011999", ""] {
      #expect(!made.contains(Array(other.utf8)), "\(other)")
    }
  }
}

private func dictionaries(_ lists: String, end: String = ")\n;\n\n1;\n") -> [UInt8] {
  Array("package A::B;\n'a' => 1,\n\nour %ranked_dictionaries = (\n\(lists)\(end)".utf8)
}

@Suite struct `Debian's ranked dictionaries` {
  @Test func `are read list by list, with their escapes`() throws {
    let file = dictionaries(
      #"""
        'passwords' => {
          '123456' => 1,
          'pic\'s' => 17,
          'back\\slash,"' => 30000,
        },
        'names' => {
          'mary' => 2,
        },

      """#)
    let words = try Blocklist.words(inRankedDictionaries: file)
    #expect(
      words.map { String(decoding: $0, as: UTF8.self) }
        == ["123456", "pic's", #"back\slash,""#, "mary"])
  }

  /// A word that is skipped is a password that passes.
  @Test(arguments: [
    "    'a' => 1\n", "    'a' => ,\n", "    'a' => 1,,\n", "    'a' => -1,\n", "    'a' =>1,\n",
    "    'a => 1,\n", "    a => 1,\n", "    '' => 1,\n", "    'a'b' => 1,\n", "    'a\\b' => 1,\n",
    "    \"a\" => 1,\n", "   'a' => 1,\n", "    'a' => 1, \n", "    'a' => 1,\r\n", "\n", "# a\n",
    "    'a' => 1, 'b' => 2,\n", "  'b' => {\n", ")\n", "    'a\\' => 1,\n", "    'a' => 0x1,\n",
  ])
  func `are refused for a line of another form`(line: String) {
    let file = dictionaries("  'words' => {\n    'abc' => 1,\n\(line)  },\n")
    let error = #expect(throws: BlocklistError.self) {
      try Blocklist.words(inRankedDictionaries: file)
    }
    #expect(error?.reason.contains("line 7 ") == true)
  }

  @Test(arguments: [
    "", ")\n", ")\n;\n1;\n", "  'b' => {\n", ")\n;\n\n1;\nmore\n", "\n)\n;\n\n1;\n",
  ])
  func `are refused without their end`(end: String) {
    #expect(throws: BlocklistError.self) {
      try Blocklist.words(
        inRankedDictionaries: dictionaries("  'words' => {\n    'abc' => 1,\n  },\n", end: end))
    }
  }

  @Test(arguments: ["", "abc\ndef\n", "my %ranked_dictionaries = (\n)\n;\n\n1;\n"])
  func `are refused without their beginning`(file: String) {
    #expect(throws: BlocklistError.malformed("no line opens the dictionaries")) {
      try Blocklist.words(inRankedDictionaries: Array(file.utf8))
    }
  }
}

private let debianLists = ["Common", "English"].map { name in
  "/usr/share/perl5/Data/Password/zxcvbn/RankedDictionaries/\(name).pm"
}
private let common = URL(
  fileURLWithPath: #filePath + "/../../../../shared/passwords/top3000-min8.txt"
).standardized.path

/// The policy with the list that `tallystick init` makes.
@Suite(.enabled(if: debianLists.allSatisfy { FileManager.default.fileExists(atPath: $0) }))
struct `The password policy with Debian's list` {
  private static let made = Result {
    let words = try debianLists.flatMap { path in
      try Blocklist.words(
        inRankedDictionaries: Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    }
    let file = Blocklist.build(from: Blocklist.completed(words))
    let path = NSTemporaryDirectory() + "blocklist-" + UUID().uuidString
    try Data(file).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return (list: try Blocklist(at: path), byteCount: file.count)
  }

  private let policy: PasswordPolicy
  private let byteCount: Int

  init() throws {
    let made = try Self.made.get()
    byteCount = made.byteCount
    policy = PasswordPolicy { word in made.list.contains(word) }
  }

  @Test func `has tens of thousands of words`() {
    #expect(byteCount > 400_000)
  }

  /// T124.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: common)))
  func `refuses each of the 3000 most common`() throws {
    let lines = try String(contentsOfFile: common, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 3_000)
    let admitted = lines.filter { isAdmitted(String($0)) || isAdmitted($0.lowercased()) }
    #expect(admitted.isEmpty, "\(admitted.prefix(20))")
  }

  /// T125.
  @Test(arguments: [
    "aaaaaaaaaaaaaaaa", "1234567890123456", "abcabcabcabc", "Password1!", "sunshine2024",
    "01021987", "alice.example", "xxalice.examplexx", "tallystick", "mytallystick99",
    "example-site-9",
  ])
  func `refuses what anyone would try first`(password: String) {
    #expect(!isAdmitted(password, name: "alice.example", context: ["example-site"]))
  }

  /// T126: no composition rules.
  @Test(arguments: [
    "84629175036281947305", "qvmxzjtkwhpl", "purple monkeys eat dishes", "XKQJVWZPMRTL",
    "🐢🦉🌋🎷🥝🧲🪐🛶", "пароль на сегодня", "  leading and trailing  ",
  ])
  func `admits whatever is long and not common`(password: String) {
    #expect(isAdmitted(password))
  }

  /// T123: counted in code points.
  @Test func `counts code points`() {
    let strict = PasswordPolicy { _ in false }
    func isLongEnough(_ text: String) -> Bool {
      guard let password = Password(text), let name = Username("alice") else { return false }
      return (try? strict.validate(password, for: name, minimum: 15)) != nil
    }
    let turtles = Array("🐢🦉🌋🎷🥝🧲🪐🛶🐙🦔🍄🌵🧩🪁🎻")
    #expect(isLongEnough(String(turtles)))
    #expect(!isLongEnough(String(turtles.dropLast())))
    #expect(isLongEnough("q\u{301}\u{302}\u{303}\u{308}\u{30a}\u{30b}\u{30c}xyzwvut"))
  }

  private func isAdmitted(
    _ text: String, name: String = "nobody.here", context: [String] = []
  ) -> Bool {
    guard let password = Password(text), let username = Username(name) else { return false }
    return (try? policy.validate(password, for: username, minimum: 8, context: context)) != nil
  }
}
