// The SQL of sessions. It reads and writes rows, and decides nothing.
//
// The protocols in Accounts/AccountStore.swift describe the functions, and Schema.swift creates the
// table. A row that these programs would never write is reported as `corrupt`.

import Accounts

extension Connection {
  /// A session and its account; every `check` reads them once.
  func accountSession(of session: SessionID) throws(StoreError) -> AccountSession? {
    try first(
      """
      SELECT s.account, s.version, s.generation, s.confirmed, s.rotated_at, s.issued_at,
        s.sent_at, s.created_at, s.last_used_at, s.expires_at, s.bound_from, s.address,
        s.user_agent, s.shared_lifetime,
        a.username, a.groups, a.version, a.is_disabled, a.created_at
      FROM session AS s JOIN account AS a ON a.id = s.account WHERE s.id = ?1
      """, .text(session.text)
    ) { row throws(StoreError) in
      let session = try readSession(row, session, from: 0)
      return AccountSession(
        session: session, account: try readAccount(row, session.account, from: 14))
    }
  }

  func sessions(of account: AccountID) throws(StoreError) -> [Session] {
    try all(
      """
      SELECT id, account, version, generation, confirmed, rotated_at, issued_at, sent_at,
        created_at, last_used_at, expires_at, bound_from, address, user_agent,
        shared_lifetime
      FROM session WHERE account = ?1 ORDER BY ordinal DESC
      """, .text(account.text)
    ) { row throws(StoreError) in
      try readSession(row, try SessionID(stored: try row.text(0)), from: 1)
    }
  }

  func insert(_ session: Session) throws(StoreError) {
    try run(
      """
      INSERT INTO session
        (id, account, version, generation, confirmed, rotated_at, issued_at, sent_at, created_at,
         last_used_at, expires_at, bound_from, address, user_agent, shared_lifetime, ordinal)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
        (SELECT ifnull(max(ordinal), 0) + 1 FROM session WHERE account = ?2))
      """,
      .text(session.id.text), .text(session.account.text), .integer(session.version),
      .integer(session.generation), .integer(session.confirmed),
      .integer(session.rotatedAt.seconds), .integer(session.issuedAt.seconds),
      .integer(session.sentAt.seconds), .integer(session.createdAt.seconds),
      .integer(session.lastUsedAt.seconds), .integer(session.expiresAt.seconds),
      .integer(session.boundFrom.seconds), .text(session.address), .text(session.userAgent),
      session.sharedLifetime.map { .integer($0.components.seconds) } ?? .null)
  }

  func update(_ session: Session) throws(StoreError) {
    try run(
      """
      UPDATE session SET generation = ?2, confirmed = ?3, rotated_at = ?4, issued_at = ?5,
        sent_at = ?6, last_used_at = ?7 WHERE id = ?1
      """,
      .text(session.id.text), .integer(session.generation), .integer(session.confirmed),
      .integer(session.rotatedAt.seconds), .integer(session.issuedAt.seconds),
      .integer(session.sentAt.seconds), .integer(session.lastUsedAt.seconds))
  }

  func delete(_ session: SessionID) throws(StoreError) -> Bool {
    try run("DELETE FROM session WHERE id = ?1", .text(session.text)) > 0
  }

  func delete(_ session: SessionID, of account: AccountID) throws(StoreError) -> Bool {
    try run(
      "DELETE FROM session WHERE id = ?1 AND account = ?2", .text(session.text),
      .text(account.text)) > 0
  }

  func deleteSessions(of account: AccountID) throws(StoreError) {
    try run("DELETE FROM session WHERE account = ?1", .text(account.text))
  }

  func deleteSessions(endingBy time: NumericDate) throws(StoreError) -> Int {
    let ended = try run("DELETE FROM session WHERE expires_at <= ?1", .integer(time.seconds))
    let shared = try run(
      """
      DELETE FROM session
      WHERE shared_lifetime IS NOT NULL AND last_used_at + shared_lifetime <= ?1
      """, .integer(time.seconds))
    return ended + shared
  }

  func deleteSessions(lastUsedBefore time: NumericDate) throws(StoreError) -> Int {
    try run("DELETE FROM session WHERE last_used_at < ?1", .integer(time.seconds))
  }
}

private func readSession(
  _ row: Row, _ id: SessionID, from column: Int32
) throws(StoreError) -> Session {
  try Session(
    stored: id, account: try row.text(column), version: try row.integer(column + 1),
    generation: try row.integer(column + 2), confirmed: try row.integer(column + 3),
    rotatedAt: try row.date(column + 4), issuedAt: try row.date(column + 5),
    sentAt: try row.date(column + 6), createdAt: try row.date(column + 7),
    lastUsedAt: try row.date(column + 8), expiresAt: try row.date(column + 9),
    sharedLifetime: try row.optionalInteger(column + 13), boundFrom: try row.date(column + 10),
    address: try row.text(column + 11), userAgent: try row.text(column + 12))
}
