import Text

/// A stored person.
package struct Account: Equatable, Sendable {
  package let id: AccountID
  package let username: Username
  package let groups: [Group]
  /// The token version: a token counts only while its `ver` equals it.
  ///
  /// It starts at 1 and only rises.
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

  /// The account after "sign out everywhere".
  package var withRaisedVersion: Account {
    Account(
      id: id, username: username, groups: groups, version: version &+ 1, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// The account in other groups.
  package func with(groups: [Group]) -> Account {
    Account(
      id: id, username: username, groups: groups, version: version, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// The account, disabled or not.
  package func with(isDisabled: Bool) -> Account {
    Account(
      id: id, username: username, groups: groups, version: version, isDisabled: isDisabled,
      createdAt: createdAt)
  }

  /// Whether the account may have sessions and its tokens count, as far as the version goes.
  package func accepts(version presented: Int64) -> Bool {
    !isDisabled && version == presented
  }
}

/// An account with what only the routes that verify a password may see.
package struct Credentials: Equatable, Sendable {
  package let account: Account
  /// A PHC string.
  package let passwordHash: String

  package init(account: Account, passwordHash: String) {
    self.account = account
    self.passwordHash = passwordHash
  }
}

/// How a person names themselves: 1 to 64 of `a-z 0-9 . _ - + @`, compared lower-case.
///
/// ASCII only, so that two names that look alike are alike.
package struct Username: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes a name in either case; nil where another character or length appears.
  ///
  /// It never trims.
  package init?(_ text: String) {
    let lower = asciiLowercased(text)
    guard isName(lower, allowing: "._-+@") else { return nil }
    self.text = lower
  }

  package var description: String { text }
}

/// A group of accounts: 1 to 64 of `a-z 0-9 . _ -`, so that a list of them fits a header.
package struct Group: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes a name in lower case; nil where another character or length appears.
  package init?(_ text: String) {
    guard isName(text, allowing: "._-") else { return nil }
    self.text = text
  }

  package var description: String { text }

  /// Reads names separated by single commas; nil if one of them is none or stands twice.
  ///
  /// The empty text is the empty list.
  package static func list(_ text: String) -> [Group]? {
    guard !text.isEmpty else { return [] }
    var groups: [Group] = []
    // By bytes: `check` does this for every request.
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
