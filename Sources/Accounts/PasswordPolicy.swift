import Text

/// The rules for a new password: it must be long enough, and neither common nor a name.
///
/// There are no composition rules.
///
/// NIST SP 800-63B-4 §3.1.1; OWASP ASVS 5.0 6.2.
package struct PasswordPolicy: Sendable {
  /// Returns whether a word in lower case is on the blocklist.
  private let isListed: @Sendable (_ word: [UInt8]) -> Bool

  package init(isListed: @escaping @Sendable (_ word: [UInt8]) -> Bool) {
    self.isListed = isListed
  }

  /// Checks a new password.
  ///
  /// - Parameters:
  ///   - password: The new password.
  ///   - username: The name of the account, which the password must not contain.
  ///   - minimum: The minimum number of code points.
  ///   - context: Other words in lower case that the password must not contain, such as the name of
  ///     the site.
  /// - Throws: A refusal that names the rule.
  package func validate(
    _ password: Password, for username: Username, minimum: Int, context: [String] = []
  ) throws(Refusal) {
    guard password.codePointCount >= minimum else {
      throw .weakPassword("The password must have at least \(minimum) characters.")
    }
    let folded = asciiLowercased(password.bytes)
    if names(folded, username.text) {
      throw .weakPassword("The password must not contain the username.")
    }
    for word in ["tallystick"] + context where names(folded, word) {
      throw .weakPassword("The password must not contain the name of this site or product.")
    }
    if isRepetition(folded) || isSequence(folded) {
      throw .weakPassword("The password is a repetition or a sequence.")
    }
    if isListed(folded) || isListed(withoutDecoration(folded)) {
      throw .weakPassword("The password is too common.")
    }
  }

  /// Whether the password is the word or, if the word has at least 4 bytes, contains it.
  private func names(_ password: [UInt8], _ word: String) -> Bool {
    let word = Array(asciiLowercased(word).utf8)
    guard !word.isEmpty, word.count <= password.count else { return false }
    if password == word || password == word.reversed() { return true }
    // A word shorter than four bytes is only compared with the whole password, without the digits
    // and punctuation at its end.
    guard word.count >= 4 else { return withoutDecoration(password, upTo: .max) == word }
    return (0...(password.count - word.count)).contains { start in
      password[start..<(start + word.count)].elementsEqual(word)
    }
  }

  /// Whether the password repeats a piece of at most 4 bytes, such as `aaaaaaaa` or `abcabcabc`.
  private func isRepetition(_ password: [UInt8]) -> Bool {
    (1...4).contains { period in
      password.count >= 2 * period && zip(password, password.dropFirst(period)).allSatisfy(==)
    }
  }

  /// Whether each character is the successor of the one before it, or each is the predecessor.
  ///
  /// Examples are `12345678` and `zyxwvuts`. `0` also counts as the successor of `9`.
  private func isSequence(_ password: [UInt8]) -> Bool {
    guard password.count >= 2 else { return false }
    let steps = zip(password, password.dropFirst()).map { (first, second) -> Int in
      switch (first, second) {
      case (UInt8(ascii: "9"), UInt8(ascii: "0")): 1
      case (UInt8(ascii: "0"), UInt8(ascii: "9")): -1
      default: Int(second) - Int(first)
      }
    }
    return steps.allSatisfy { $0 == 1 } || steps.allSatisfy { $0 == -1 }
  }

  /// The password without digits and punctuation at its end, so that `password1!` is `password`.
  private func withoutDecoration(_ password: [UInt8], upTo count: Int = 4) -> [UInt8] {
    var stem = password[...]
    while let last = stem.last, password.count - stem.count < count, last < 0x80,
      !isLowercaseLetter(last)
    {
      stem.removeLast()
    }
    return Array(stem)
  }
}
