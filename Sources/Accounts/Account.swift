import Text

/// A person who can log in.
package struct Account: Equatable, Sendable {
  package let id: AccountID
  package let username: Username
  package let groups: [Group]
  /// The token version.
  ///
  /// A token counts only while its `ver` claim equals this number. The version starts at 1 and
  /// never decreases.
  package let version: Int64
  package let isDisabled: Bool
  package let createdAt: NumericDate

  package init(
    id: AccountID, username: Username, groups: [Group] = [], version: Int64 = 1,
    isDisabled: Bool = false, createdAt: NumericDate
  ) {
    self.id = id
    self.username = username
    self.groups = groups
    self.version = version
    self.isDisabled = isDisabled
    self.createdAt = createdAt
  }

  /// The account after "sign out everywhere": the same account with the next version.
  package var withRaisedVersion: Account {
    Account(
      id: id, username: username, groups: groups, version: version &+ 1, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// The same account with other groups.
  package func with(groups: [Group]) -> Account {
    Account(
      id: id, username: username, groups: groups, version: version, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// The same account, disabled or enabled.
  package func with(isDisabled: Bool) -> Account {
    Account(
      id: id, username: username, groups: groups, version: version, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// Whether the account accepts tokens of this version: it is enabled and the version is current.
  package func accepts(version presented: Int64) -> Bool {
    !isDisabled && version == presented
  }
}

/// An account with its password hash.
///
/// Only the routes that verify a password may read it.
package struct Credentials: Equatable, Sendable {
  package let account: Account
  /// The hash as a PHC string.
  package let passwordHash: String

  package init(account: Account, passwordHash: String) {
    self.account = account
    self.passwordHash = passwordHash
  }
}

/// A username: 1 to 64 of the characters `a-z 0-9 . _ - + @`, compared in lower case.
///
/// Other characters are refused, because different Unicode characters can look the same.
package struct Username: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Converts a name to lower case.
  ///
  /// It does not remove spaces. It returns nil if the name has another character or another length.
  package init?(_ text: String) {
    let lower = asciiLowercased(text)
    guard isName(lower, allowing: "._-+@") else { return nil }
    self.text = lower
  }

  package var description: String { text }
}

/// The name of a group of accounts: 1 to 64 of the characters `a-z 0-9 . _ -`.
///
/// The name contains no comma and no space, so that a response header can hold a list of groups.
package struct Group: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Returns nil if the name has another character, upper-case letters, or another length.
  package init?(_ text: String) {
    guard isName(text, allowing: "._-") else { return nil }
    self.text = text
  }

  package var description: String { text }

  /// Parses group names that are separated by single commas.
  ///
  /// An empty text is an empty list.
  ///
  /// - Parameter text: The names.
  /// - Returns: The groups; nil if a name is invalid or appears twice.
  package static func list(_ text: String) -> [Group]? {
    guard !text.isEmpty else { return [] }
    var groups: [Group] = []
    // This works on bytes, because `check` parses a list for every request.
    for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let group = Group(String(Substring(part))), !groups.contains(group) else {
        return nil
      }
      groups.append(group)
    }
    return groups
  }
}

private func isName(_ text: String, allowing marks: StaticString) -> Bool {
  (1...64).contains(text.utf8.count)
    && text.utf8.allSatisfy { byte in
      isLowercaseLetter(byte) || isDigit(byte) || marks.description.utf8.contains(byte)
    }
}
