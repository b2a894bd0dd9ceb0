// The SQL of accounts and of the revocation mark. It reads and writes rows, and decides nothing.
//
// The protocols in Accounts/AccountStore.swift describe the functions, and Schema.swift creates the
// tables. A row that these programs would never write is reported as `corrupt`.

import Accounts

extension Connection {
  func credentials(named username: Username) throws(StoreError) -> Credentials? {
    try first(
      """
      SELECT id, username, groups, version, is_disabled, created_at, password_hash
      FROM account WHERE username = ?1
      """, .text(username.text), read: readCredentials)
  }

  func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    try first(
      """
      SELECT id, username, groups, version, is_disabled, created_at, password_hash
      FROM account WHERE id = ?1
      """, .text(account.text), read: readCredentials)
  }

  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    try all(
      """
      SELECT id, username, groups, version, is_disabled, created_at
      FROM account WHERE username > ?1 ORDER BY username LIMIT ?2
      """, .text(name?.text ?? ""), .integer(Int64(max(0, limit)))
    ) { row throws(StoreError) in
      try readAccount(row, try readAccountID(row), from: 1)
    }
  }

  func insert(_ credentials: Credentials) throws(StoreError) -> Bool {
    let account = credentials.account
    return try run(
      """
      INSERT INTO account
        (id, username, groups, version, is_disabled, created_at, password_hash)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (username) DO NOTHING
      """,
      .text(account.id.text), .text(account.username.text), .text(account.groups.stored),
      .integer(account.version), .integer(account.isDisabled ? 1 : 0),
      .integer(account.createdAt.seconds), .text(credentials.passwordHash)) > 0
  }

  func update(_ credentials: Credentials) throws(StoreError) {
    let account = credentials.account
    try run(
      """
      UPDATE account SET groups = ?2, version = ?3, is_disabled = ?4, password_hash = ?5
      WHERE id = ?1
      """, .text(account.id.text), .text(account.groups.stored),
      .integer(account.version), .integer(account.isDisabled ? 1 : 0),
      .text(credentials.passwordHash))
  }

  func delete(_ account: AccountID) throws(StoreError) -> Bool {
    try run("DELETE FROM account WHERE id = ?1", .text(account.text)) > 0
  }

  /// The number of revocations since the database was created.
  func revocations() throws(StoreError) -> Int64 {
    let count = try first("SELECT count FROM revocation") { row throws(StoreError) in
      try row.integer(0)
    }
    guard let count else { throw .corrupt("the row of table revocation is missing") }
    return count
  }

  /// Increments the number of revocations; one host need not know what was revoked.
  func noteRevocation(_ revocation: Revocation) throws(StoreError) {
    guard try run("UPDATE revocation SET count = count + 1") == 1 else {
      throw .corrupt("the row of table revocation is missing")
    }
  }

  /// Does nothing, because one number represents all revocations.
  func deleteRevocations(before time: NumericDate) throws(StoreError) {}
}

func readAccount(
  _ row: Row, _ id: AccountID, from column: Int32
) throws(StoreError) -> Account {
  try Account(
    stored: id, username: try row.text(column), groups: try row.text(column + 1),
    version: try row.integer(column + 2), isDisabled: try row.bool(column + 3),
    createdAt: try row.date(column + 4))
}

private func readAccountID(_ row: Row) throws(StoreError) -> AccountID {
  try AccountID(stored: try row.text(0))
}

private func readCredentials(_ row: Row) throws(StoreError) -> Credentials {
  let account = try readAccount(row, try readAccountID(row), from: 1)
  return Credentials(account: account, passwordHash: try row.text(6))
}
