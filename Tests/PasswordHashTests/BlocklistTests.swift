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

  @Test func `reads the lists of Debian's file, and only those`() {
    let source = #"""
      # "a,comment"
      LISTS = {
          "passwords": "123456,pic\'s,back\\slash",
          'names': 'mary,"quoted"',
          "lonely": "word",
      }
      """#
    let words = Blocklist.words(inFrequencyLists: Array(source.utf8))
    #expect(
      words.map { String(decoding: $0, as: UTF8.self) }
        == ["123456", "pic's", #"back\slash"#, "mary", #""quoted""#])
  }
}

private let debianList = "/usr/lib/python3/dist-packages/zxcvbn/frequency_lists.py"
private let common = URL(
  fileURLWithPath: #filePath + "/../../../../shared/passwords/top3000-min8.txt"
).standardized.path

/// The policy with the list that `tallystick init` makes.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: debianList)))
struct `The password policy with Debian's list` {
  private static let made = Result {
    let source = try Data(contentsOf: URL(fileURLWithPath: debianList))
    let file = Blocklist.build(from: Blocklist.words(inFrequencyLists: Array(source)))
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
    "alice.example", "xxalice.examplexx", "tallystick", "mytallystick99", "example-site-9",
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
