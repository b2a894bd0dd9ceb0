import Testing

@testable import Accounts

/// NIST SP 800-63B-4 §3.1.1; T123 to T126.
@Suite struct `A new password` {
  private static let words = ["password", "iloveyou", "letmein", "qwertyui", "12345"]

  /// The rule that refuses it, or nil where it is admitted.
  private func refusal(
    _ text: String, username: String = "alice", context: [String] = [], minimum: Int = 8
  ) throws -> String? {
    let listed = Set(Self.words.map { Array($0.utf8) })
    let policy = PasswordPolicy { listed.contains($0) }
    let password = try #require(Password(text))
    let username = try #require(Username(username))
    do throws(Refusal) {
      try policy.validate(password, for: username, minimum: minimum, context: context)
      return nil
    } catch {
      #expect(error.status == 422)
      #expect(error.code == "weak_password")
      return error.explanation
    }
  }

  private let tooShort = "The password must have at least 8 characters."
  private let named = "The password must not contain the username."
  private let site = "The password must not contain the name of this site or product."
  private let pattern = "The password is a repetition or a sequence."
  private let common = "The password is too common."

  @Test func `has at least the minimum of code points, and the refusal says how many`() throws {
    #expect(try refusal("kT9#vq2") == tooShort)
    #expect(try refusal("kT9#vq2x") == nil)
    let emoji = "\u{1f600}\u{1f4a9}\u{1f980}\u{1f9c0}\u{1f30d}\u{1f3b7}\u{1f511}"
    #expect(try refusal(emoji) == tooShort)
    #expect(try refusal(emoji + "\u{1f6b2}") == nil)
    #expect(
      try refusal("fourteen chars", minimum: 15)
        == "The password must have at least 15 characters.")
    #expect(try refusal("fifteen chars !", minimum: 15) == nil)
  }

  @Test func `is counted after normalization`() throws {
    #expect(try refusal("kT9#vqe\u{301}") == tooShort)
    #expect(try refusal("kT9#vq2e\u{301}") == nil)
  }

  @Test(arguments: [
    "73918264507316492850", "xqvbnwplfkdjshgt", "purple monkey dishwasher",
    "ÄÖÜßäöüé", "        kQ", "\u{1f600}\u{1f4a9}\u{1f980}\u{1f9c0}\u{1f30d}\u{1f3b7}\u{1f511}xy",
  ])
  func `needs no mixture of kinds`(text: String) throws {
    #expect(try refusal(text) == nil)
  }

  @Test(arguments: [
    "wintergreen", "WinterGreen", "my wintergreen!", "xWINTERGREENx", "neergretniw",
  ])
  func `is, contains or reverses not the username, in any case`(text: String) throws {
    #expect(try refusal(text, username: "wintergreen") == named)
    #expect(try refusal(text, username: "summergreen") == nil)
  }

  @Test func `is not a short username with digits and marks at its end`() throws {
    #expect(try refusal("bob12345", username: "bob") == named)
    #expect(try refusal("Bob!!!!!!2024", username: "bob") == named)
    // A short name inside other words means nothing.
    #expect(try refusal("kabob stand", username: "bob") == nil)
    #expect(try refusal("bob likes tea", username: "bob") == nil)
  }

  @Test(arguments: ["tallystick", "Tallystick2024", "my-tallystick-login", "kcitsyllat"])
  func `has not the name of the product`(text: String) throws {
    #expect(try refusal(text) == site)
  }

  @Test func `has not the name of the site`() throws {
    #expect(try refusal("example.org rocks", context: ["example.org"]) == site)
    #expect(try refusal("EXAMPLE.ORG rocks", context: ["Example.org"]) == site)
    #expect(try refusal("example.org rocks", context: ["example.net", ""]) == nil)
    #expect(try refusal("73918264507", context: [""]) == nil)
  }

  @Test(arguments: [
    "aaaaaaaaaaaaaaaa", "AAAAaaaa", "abababab", "abcabcabc", "abcdabcd", "abcdabcdab", "        ",
  ])
  func `is not one short piece over and over`(text: String) throws {
    #expect(try refusal(text) == pattern)
  }

  @Test(arguments: [
    "1234567890123456", "12345678", "87654321", "09876543", "abcdefgh", "ABCDEFGH", "zyxwvuts",
  ])
  func `is not a sequence, up or down`(text: String) throws {
    #expect(try refusal(text) == pattern)
  }

  @Test(arguments: ["aaaaaaab", "baaaaaaa", "abcdeabcde", "12345679", "13579135", "abcdefgi"])
  func `may come near a repetition or a sequence`(text: String) throws {
    #expect(try refusal(text) == nil)
  }

  @Test(arguments: ["password", "PassWord", "password1", "password!", "Password2024", "iloveyou!1"])
  func `is not on the blocklist, with up to four digits or marks at its end`(text: String) throws {
    #expect(try refusal(text) == common)
  }

  @Test(arguments: [
    "password12345", "passwordé", "passwords", "1password", "my password", "letmeinletmeix",
  ])
  func `is not refused for a common word that it only contains`(text: String) throws {
    #expect(try refusal(text) == nil)
  }

  @Test func `of digits is looked up whole and without its end`() throws {
    #expect(try refusal("123459999") == common)
    #expect(try refusal("123469999") == nil)
  }

  @Test func `is told the first rule that it breaks`() throws {
    #expect(try refusal("alice") == tooShort)
    #expect(try refusal("alicealice") == named)
    #expect(try refusal("password", username: "password") == named)
  }
}
