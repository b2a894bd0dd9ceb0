import Accounts

extension ServerTransaction {
  /// A session with its account.
  ///
  /// Only the session is locked. Whoever raises the account's version deletes its sessions in the
  /// same transaction, so that one waits for us or we find no session. Whoever changes its groups
  /// alone reads no session, and may count as coming after us.
  func accountSession(of session: SessionID) throws(StoreError) -> AccountSession? {
    let sql = mode == .write ? AccountSessions.lockingQuery : AccountSessions.query
    return try AccountSessions.read(try run(sql, .texts([session.text])))[session]?.get()
  }

  /// All sessions of an account; who writes has locked the account, so that none is added meanwhile.
  func sessions(of account: AccountID) throws(StoreError) -> [Session] {
    let id = Value.text(account.text)
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT id, account, version, generation, confirmed, rotated_at, issued_at, sent_at,
            created_at, last_used_at, expires_at, bound_from, address, user_agent,
            shared_lifetime, ordinal
          FROM tallystick.session WHERE account = $1 ORDER BY id
          """, id)
      case .write:
        try run(
          """
          SELECT id, account, version, generation, confirmed, rotated_at, issued_at, sent_at,
            created_at, last_used_at, expires_at, bound_from, address, user_agent,
            shared_lifetime, ordinal
          FROM tallystick.session WHERE account = $1 ORDER BY id FOR UPDATE
          """, id)
      }
    // Locks are taken in the order of the identifiers; what is asked for is another order.
    let sessions = try answer.map { row throws(StoreError) in
      let id = try SessionID(stored: try row.text(0))
      return (session: try readSession(row, id, from: 1), ordinal: try row.integer(15))
    }
    return sessions.sorted { $0.ordinal > $1.ordinal }.map(\.session)
  }

  func insert(_ session: Session) throws(StoreError) {
    runLater(
      """
      INSERT INTO tallystick.session
        (id, account, version, generation, confirmed, rotated_at, issued_at, sent_at, created_at,
         last_used_at, expires_at, bound_from, address, user_agent, shared_lifetime, ordinal)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
        (SELECT COALESCE(max(ordinal), 0) + 1 FROM tallystick.session WHERE account = $2))
      """,
      .text(session.id.text), .text(session.account.text), .integer(session.version),
      .integer(session.generation), .integer(session.confirmed),
      .integer(session.rotatedAt.seconds), .integer(session.issuedAt.seconds),
      .integer(session.sentAt.seconds), .integer(session.createdAt.seconds),
      .integer(session.lastUsedAt.seconds), .integer(session.expiresAt.seconds),
      .integer(session.boundFrom.seconds), .bytes(session.address), .bytes(session.userAgent),
      .optionalInteger(session.sharedLifetime?.components.seconds))
  }

  func update(_ session: Session) throws(StoreError) {
    runLater(
      """
      UPDATE tallystick.session SET generation = $2, confirmed = $3, rotated_at = $4,
        issued_at = $5, sent_at = $6, last_used_at = $7 WHERE id = $1
      """,
      .text(session.id.text), .integer(session.generation), .integer(session.confirmed),
      .integer(session.rotatedAt.seconds), .integer(session.issuedAt.seconds),
      .integer(session.sentAt.seconds), .integer(session.lastUsedAt.seconds))
  }

  func delete(_ session: SessionID) throws(StoreError) -> Bool {
    try run("DELETE FROM tallystick.session WHERE id = $1", .text(session.text)).changes > 0
  }

  func delete(_ session: SessionID, of account: AccountID) throws(StoreError) -> Bool {
    try run(
      "DELETE FROM tallystick.session WHERE id = $1 AND account = $2", .text(session.text),
      .text(account.text)
    ).changes > 0
  }

  func deleteSessions(of account: AccountID) throws(StoreError) {
    runLater(
      """
      DELETE FROM tallystick.session WHERE id IN
        (SELECT id FROM tallystick.session WHERE account = $1 ORDER BY id FOR UPDATE)
      """, .text(account.text))
  }

  func deleteSessions(endingBy time: NumericDate) throws(StoreError) -> Int {
    let ended = try run(
      """
      DELETE FROM tallystick.session WHERE id IN
        (SELECT id FROM tallystick.session WHERE expires_at <= $1 ORDER BY id FOR UPDATE)
      """, .integer(time.seconds)
    ).changes
    let shared = try run(
      """
      DELETE FROM tallystick.session WHERE id IN
        (SELECT id FROM tallystick.session WHERE shared_lifetime IS NOT NULL
          AND last_used_at + shared_lifetime <= $1 ORDER BY id FOR UPDATE)
      """, .integer(time.seconds)
    ).changes
    return ended + shared
  }

  func deleteSessions(lastUsedBefore time: NumericDate) throws(StoreError) -> Int {
    try run(
      """
      DELETE FROM tallystick.session WHERE id IN
        (SELECT id FROM tallystick.session WHERE last_used_at < $1 ORDER BY id FOR UPDATE)
      """, .integer(time.seconds)
    ).changes
  }
}

/// Sessions with their accounts, one statement for all of them.
enum AccountSessions {
  static let query: StaticString = """
    SELECT s.account, s.version, s.generation, s.confirmed, s.rotated_at, s.issued_at,
      s.sent_at, s.created_at, s.last_used_at, s.expires_at, s.bound_from, s.address,
      s.user_agent, s.shared_lifetime, a.username, a.groups, a.version, a.is_disabled,
      a.created_at, s.id
    FROM tallystick.session AS s JOIN tallystick.account AS a ON a.id = s.account
    WHERE s.id = ANY ($1::text[])
    """

  /// The same, locked in the order of their identifiers.
  static let lockingQuery: StaticString = """
    SELECT s.account, s.version, s.generation, s.confirmed, s.rotated_at, s.issued_at,
      s.sent_at, s.created_at, s.last_used_at, s.expires_at, s.bound_from, s.address,
      s.user_agent, s.shared_lifetime, a.username, a.groups, a.version, a.is_disabled,
      a.created_at, s.id
    FROM tallystick.session AS s JOIN tallystick.account AS a ON a.id = s.account
    WHERE s.id = ANY ($1::text[]) ORDER BY s.id FOR UPDATE OF s
    """

  /// Replaces what a refresh or a confirmation changes, of many sessions at once.
  static let update: StaticString = """
    UPDATE tallystick.session AS s SET generation = n.generation, confirmed = n.confirmed,
      rotated_at = n.rotated_at, issued_at = n.issued_at, sent_at = n.sent_at,
      last_used_at = n.last_used_at
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
      $6::bigint[], $7::bigint[])
      AS n (id, generation, confirmed, rotated_at, issued_at, sent_at, last_used_at)
    WHERE s.id = n.id
    """

  static let delete: StaticString =
    "DELETE FROM tallystick.session WHERE id = ANY ($1::text[])"

  /// The values of `update`.
  static func columns(of sessions: [Session]) -> [Value] {
    [
      .texts(sessions.map(\.id.text)), .integers(sessions.map(\.generation)),
      .integers(sessions.map(\.confirmed)), .integers(sessions.map(\.rotatedAt.seconds)),
      .integers(sessions.map(\.issuedAt.seconds)), .integers(sessions.map(\.sentAt.seconds)),
      .integers(sessions.map(\.lastUsedAt.seconds)),
    ]
  }

  /// The sessions of an answer; one that is damaged is a failure of its own.
  static func read(
    _ answer: Answer
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>] {
    try answer.rows(
      by: { row throws(StoreError) in try SessionID(stored: try row.text(19)) }, readAccountSession)
  }
}

private func readAccountSession(_ row: Row) throws(StoreError) -> AccountSession {
  let session = try readSession(row, SessionID(stored: try row.text(19)), from: 0)
  return AccountSession(
    session: session, account: try readAccount(row, session.account, from: 14))
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
    address: try row.bytes(column + 11), userAgent: try row.bytes(column + 12))
}
