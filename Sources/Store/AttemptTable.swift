// The SQL of counted guesses and of known networks. It reads and writes rows, and decides nothing.
//
// The protocols in Accounts/AccountStore.swift describe the functions, and Schema.swift creates the
// tables. Accounts/Attempts.swift contains the rules of counting.

import Accounts

extension Connection {
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter? {
    try first(
      """
      SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
        last_failed_at
      FROM attempt WHERE scope = ?1 AND name = ?2 AND network = ?3
      """, .text(key.scope.rawValue), .text(key.name), .text(key.network)
    ) { row throws(StoreError) in
      try readAttempt(row).counter
    }
  }

  func counters(
    name: String?, network: String?
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)] {
    try all(
      """
      SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
        last_failed_at
      FROM attempt WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR network = ?2)
      ORDER BY scope, name, network
      """, name.map(Value.text) ?? .null, network.map(Value.text) ?? .null, read: readAttempt)
  }

  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError) {
    try run(
      """
      INSERT INTO attempt
        (scope, name, network, failures, window_started_at, banned_until, in_a_row, last_failed_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      ON CONFLICT (scope, name, network) DO UPDATE SET failures = excluded.failures,
        window_started_at = excluded.window_started_at, banned_until = excluded.banned_until,
        in_a_row = excluded.in_a_row, last_failed_at = excluded.last_failed_at
      """,
      .text(key.scope.rawValue), .text(key.name), .text(key.network), .integer(counter.failures),
      .integer(counter.windowStartedAt.seconds),
      counter.bannedUntil.map { .integer($0.seconds) } ?? .null, .integer(counter.inARow),
      .integer(counter.lastFailedAt.seconds))
  }

  func deleteCounter(_ key: AttemptKey) throws(StoreError) {
    try run(
      "DELETE FROM attempt WHERE scope = ?1 AND name = ?2 AND network = ?3",
      .text(key.scope.rawValue), .text(key.name), .text(key.network))
  }

  func lastLogin(
    of username: Username, from network: Network
  ) throws(StoreError) -> NumericDate? {
    try first(
      """
      SELECT last_login_at FROM known_network WHERE network = ?2
        AND account = (SELECT id FROM account WHERE username = ?1)
      """, .text(username.text), .text(network.text)
    ) { row throws(StoreError) in
      try row.date(0)
    }
  }

  func logins(
    of account: AccountID
  ) throws(StoreError) -> [(network: Network, at: NumericDate)] {
    try all(
      "SELECT network, last_login_at FROM known_network WHERE account = ?1",
      .text(account.text)
    ) { row throws(StoreError) in
      (network: Network(text: try row.text(0)), at: try row.date(1))
    }
  }

  func storeLogin(
    of account: AccountID, from network: Network, at time: NumericDate
  ) throws(StoreError) {
    try run(
      """
      INSERT INTO known_network (account, network, last_login_at) VALUES (?1, ?2, ?3)
      ON CONFLICT (account, network) DO UPDATE SET last_login_at = excluded.last_login_at
      """, .text(account.text), .text(network.text), .integer(time.seconds))
  }

  func deleteLogins(before time: NumericDate) throws(StoreError) {
    try run("DELETE FROM known_network WHERE last_login_at < ?1", .integer(time.seconds))
  }
}

private func readAttempt(
  _ row: Row
) throws(StoreError) -> (key: AttemptKey, counter: AttemptCounter) {
  let key = try AttemptKey(
    stored: try row.text(0), name: try row.text(1), network: try row.text(2))
  let counter = AttemptCounter(
    failures: try row.integer(3), windowStartedAt: try row.date(4),
    bannedUntil: try row.optionalDate(5), inARow: try row.integer(6),
    lastFailedAt: try row.date(7))
  return (key, counter)
}
