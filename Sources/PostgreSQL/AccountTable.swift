import Accounts

extension ServerTransaction {
  func credentials(named username: Username) throws(StoreError) -> Credentials? {
    let name = Value.text(username.text)
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT id, username, groups, version, is_disabled, created_at, password_hash
          FROM tallystick.account WHERE username = $1
          """, name)
      case .write:
        try run(
          """
          SELECT id, username, groups, version, is_disabled, created_at, password_hash
          FROM tallystick.account WHERE username = $1 FOR UPDATE
          """, name)
      }
    return try first(answer, read: readCredentials)
  }

  func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    let id = Value.text(account.text)
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT id, username, groups, version, is_disabled, created_at, password_hash
          FROM tallystick.account WHERE id = $1
          """, id)
      case .write:
        try run(
          """
          SELECT id, username, groups, version, is_disabled, created_at, password_hash
          FROM tallystick.account WHERE id = $1 FOR UPDATE
          """, id)
      }
    return try first(answer, read: readCredentials)
  }

  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    let answer = try run(
      """
      SELECT id, username, groups, version, is_disabled, created_at
      FROM tallystick.account WHERE username > $1 ORDER BY username LIMIT $2
      """, .text(name?.text ?? ""), .integer(Int64(max(0, limit))))
    return try answer.map { row throws(StoreError) in
      try readAccount(row, try readAccountID(row), from: 1)
    }
  }

  func insert(_ credentials: Credentials) throws(StoreError) -> Bool {
    let account = credentials.account
    return try run(
      """
      INSERT INTO tallystick.account
        (id, username, groups, version, is_disabled, created_at, password_hash)
      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username) DO NOTHING
      """,
      .text(account.id.text), .text(account.username.text),
      .text(account.groups.stored), .integer(account.version),
      .bool(account.isDisabled), .integer(account.createdAt.seconds),
      .text(credentials.passwordHash)
    ).changes > 0
  }

  func update(_ credentials: Credentials) throws(StoreError) {
    let account = credentials.account
    runLater(
      """
      UPDATE tallystick.account
      SET groups = $2, version = $3, is_disabled = $4, password_hash = $5 WHERE id = $1
      """, .text(account.id.text), .text(account.groups.stored),
      .integer(account.version), .bool(account.isDisabled), .text(credentials.passwordHash))
  }

  func delete(_ account: AccountID) throws(StoreError) -> Bool {
    // The account first, its sessions and device tokens in their order: what the cascade finds is locked by then.
    runLater(
      "SELECT id FROM tallystick.account WHERE id = $1 FOR UPDATE", .text(account.text))
    try deleteSessions(of: account)
    _ = try deleteDevices(of: account)
    return try run("DELETE FROM tallystick.account WHERE id = $1", .text(account.text)).changes > 0
  }
}

extension Answer {
  /// Every row.
  func map<T>(_ read: (Row) throws(StoreError) -> T) throws(StoreError) -> [T] {
    var all: [T] = []
    all.reserveCapacity(count)
    for index in 0..<count { all.append(try read(self[index])) }
    return all
  }
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
