import Accounts

extension ServerTransaction {
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter? {
    let values = (Value.text(key.scope.rawValue), Value.text(key.name), Value.text(key.network))
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
            last_failed_at
          FROM tallystick.attempt WHERE scope = $1 AND name = $2 AND network = $3
          """, values.0, values.1, values.2)
      case .write:
        try run(
          """
          SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
            last_failed_at
          FROM tallystick.attempt WHERE scope = $1 AND name = $2 AND network = $3 FOR UPDATE
          """, values.0, values.1, values.2)
      }
    let found = try first(answer) { row throws(StoreError) in try readAttempt(row).counter }
    if found == nil { missingCounters.insert(key) } else { missingCounters.remove(key) }
    return found
  }

  func counters(
    name: String?, network: String?
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)] {
    let values = (Value.optionalText(name), Value.optionalText(network))
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
            last_failed_at
          FROM tallystick.attempt
          WHERE ($1::text IS NULL OR name = $1) AND ($2::text IS NULL OR network = $2)
          ORDER BY scope, name, network
          """, values.0, values.1)
      case .write:
        // Pair, network, name: in the order in which an attempt takes them.
        try run(
          """
          SELECT scope, name, network, failures, window_started_at, banned_until, in_a_row,
            last_failed_at
          FROM tallystick.attempt
          WHERE ($1::text IS NULL OR name = $1) AND ($2::text IS NULL OR network = $2)
          ORDER BY scope DESC, name, network FOR UPDATE
          """, values.0, values.1)
      }
    return try answer.map(readAttempt)
  }

  /// Adds or replaces a counter.
  ///
  /// One that was missing when it was asked for is only added: where another transaction has added
  /// it meanwhile, its guess would be lost, and this transaction is repeated.
  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError) {
    let values: [Value] = [
      .text(key.scope.rawValue), .text(key.name), .text(key.network), .integer(counter.failures),
      .integer(counter.windowStartedAt.seconds),
      .optionalInteger(counter.bannedUntil?.seconds), .integer(counter.inARow),
      .integer(counter.lastFailedAt.seconds),
    ]
    guard missingCounters.contains(key) else {
      return runLater(
        """
        INSERT INTO tallystick.attempt
          (scope, name, network, failures, window_started_at, banned_until, in_a_row,
           last_failed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (scope, name, network) DO UPDATE SET failures = excluded.failures,
          window_started_at = excluded.window_started_at, banned_until = excluded.banned_until,
          in_a_row = excluded.in_a_row, last_failed_at = excluded.last_failed_at
        """, values)
    }
    let answer = try run(
      """
      INSERT INTO tallystick.attempt
        (scope, name, network, failures, window_started_at, banned_until, in_a_row,
         last_failed_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (scope, name, network) DO NOTHING
      """, values)
    guard answer.changes == 1 else { throw conflict() }
    missingCounters.remove(key)
  }

  func deleteCounter(_ key: AttemptKey) throws(StoreError) {
    runLater(
      "DELETE FROM tallystick.attempt WHERE scope = $1 AND name = $2 AND network = $3",
      .text(key.scope.rawValue), .text(key.name), .text(key.network))
  }

  /// When the account of this name last logged in from this network, or nil.
  ///
  /// Not locked: a login from there at the same moment may count as coming after us.
  func lastLogin(
    of username: Username, from network: Network
  ) throws(StoreError) -> NumericDate? {
    let answer = try run(
      """
      SELECT last_login_at FROM tallystick.known_network WHERE network = $2
        AND account = (SELECT id FROM tallystick.account WHERE username = $1)
      """, .text(username.text), .text(network.text))
    return try first(answer) { row throws(StoreError) in try row.date(0) }
  }

  func logins(
    of account: AccountID
  ) throws(StoreError) -> [(network: Network, at: NumericDate)] {
    let answer = try run(
      "SELECT network, last_login_at FROM tallystick.known_network WHERE account = $1",
      .text(account.text))
    return try answer.map { row throws(StoreError) in
      (network: Network(text: try row.text(0)), at: try row.date(1))
    }
  }

  func storeLogin(
    of account: AccountID, from network: Network, at time: NumericDate
  ) throws(StoreError) {
    runLater(
      """
      INSERT INTO tallystick.known_network (account, network, last_login_at) VALUES ($1, $2, $3)
      ON CONFLICT (account, network) DO UPDATE SET last_login_at = excluded.last_login_at
      """, .text(account.text), .text(network.text), .integer(time.seconds))
  }

  func deleteLogins(before time: NumericDate) throws(StoreError) {
    runLater(
      "DELETE FROM tallystick.known_network WHERE last_login_at < $1", .integer(time.seconds))
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
