// What a row of a store may hold, for every engine.
//
// A row that no program of ours would have written is `corrupt`, and its account or session counts for
// nobody. The texts name the column and the identifier, and no stored value.

extension AccountID {
  /// Reads a stored identifier.
  ///
  /// - Parameters:
  ///   - text: The identifier.
  ///   - column: Where it is stored, for the error.
  /// - Throws: `corrupt` if it is none.
  package init(
    stored text: String, in column: @autoclosure () -> String = "account.id"
  ) throws(StoreError) {
    guard let id = AccountID(text) else { throw .corrupt(column()) }
    self = id
  }
}

extension SessionID {
  /// Reads a stored identifier.
  ///
  /// - Parameters:
  ///   - text: The identifier.
  ///   - column: Where it is stored, for the error.
  /// - Throws: `corrupt` if it is none.
  package init(
    stored text: String, in column: @autoclosure () -> String = "session.id"
  ) throws(StoreError) {
    guard let id = SessionID(text) else { throw .corrupt(column()) }
    self = id
  }
}

extension Account {
  /// Makes an account of the columns of its row.
  ///
  /// Name and groups become response headers, so a line break in the database must not get through.
  ///
  /// - Parameters:
  ///   - id: Its identifier.
  ///   - username: The name, in lower case.
  ///   - groups: The names of the groups, separated by commas.
  ///   - version: The token version, 1 or more.
  ///   - isDisabled: Whether it is disabled.
  ///   - createdAt: When it was created.
  /// - Throws: `corrupt` if a column holds what is never stored.
  package init(
    stored id: AccountID, username: String, groups: String, version: Int64, isDisabled: Bool,
    createdAt: NumericDate
  ) throws(StoreError) {
    guard let name = Username(username), name.text == username else {
      throw .corrupt("account.username of \(id)")
    }
    guard let groups = Group.list(groups) else { throw .corrupt("account.groups of \(id)") }
    guard version >= 1 else { throw .corrupt("account.version of \(id)") }
    self.init(
      id: id, username: name, groups: groups, version: version, isDisabled: isDisabled,
      createdAt: createdAt)
  }
}

extension [Group] {
  /// The names as they are stored: separated by commas.
  package var stored: String { map(\.text).joined(separator: ",") }
}

extension Session {
  /// Makes a session of the columns of its row.
  ///
  /// Versions and generations are 1 or more, and no generation is confirmed that was never issued.
  /// `sharedLifetime` is in seconds; the other columns are the properties of the same names.
  ///
  /// - Throws: `corrupt` if a column holds what is never stored.
  package init(
    stored id: SessionID, account: String, version: Int64, generation: Int64, confirmed: Int64,
    rotatedAt: NumericDate, issuedAt: NumericDate, sentAt: NumericDate, createdAt: NumericDate,
    lastUsedAt: NumericDate, expiresAt: NumericDate, sharedLifetime: Int64?,
    boundFrom: NumericDate, address: String, userAgent: String
  ) throws(StoreError) {
    let account = try AccountID(stored: account, in: "session.account of \(id)")
    guard version >= 1, generation >= 1, confirmed >= 0, confirmed <= generation else {
      throw .corrupt("session.version, generation or confirmed of \(id)")
    }
    self.init(
      id: id, account: account, version: version, generation: generation, confirmed: confirmed,
      rotatedAt: rotatedAt, issuedAt: issuedAt, sentAt: sentAt, createdAt: createdAt,
      lastUsedAt: lastUsedAt, expiresAt: expiresAt,
      sharedLifetime: sharedLifetime.map { .seconds($0) }, boundFrom: boundFrom,
      address: address, userAgent: userAgent)
  }
}

extension AttemptKey {
  /// Makes a key of the columns of its row.
  ///
  /// - Throws: `corrupt` for a scope that there is none of.
  package init(stored scope: String, name: String, network: String) throws(StoreError) {
    guard let scope = Scope(rawValue: scope) else { throw .corrupt("attempt.scope") }
    self.init(scope: scope, name: name, network: network)
  }
}
