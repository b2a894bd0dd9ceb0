import Accounts

extension Connection {
  /// The counter of a key, spent or not.
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter? {
    try first(
      """
      SELECT scope, name, network, failures, window_started_at, banned_until
      FROM attempt WHERE scope = ?1 AND name = ?2 AND network = ?3
      """, .text(key.scope.rawValue), .text(key.name), .text(key.network)
    ) { row throws(StoreError) in
      try readAttempt(row).counter
    }
  }

  /// The counters with a given name, a given network, or all.
  func counters(
    name: String? = nil, network: String? = nil
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)] {
    try all(
      """
      SELECT scope, name, network, failures, window_started_at, banned_until
      FROM attempt WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR network = ?2)
      ORDER BY scope, name, network
      """, name.map(Value.text) ?? .null, network.map(Value.text) ?? .null, read: readAttempt)
  }

  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError) {
    try run(
      """
      INSERT INTO attempt (scope, name, network, failures, window_started_at, banned_until)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (scope, name, network) DO UPDATE SET failures = excluded.failures,
        window_started_at = excluded.window_started_at, banned_until = excluded.banned_until
      """,
      .text(key.scope.rawValue), .text(key.name), .text(key.network), .integer(counter.failures),
      .integer(counter.windowStartedAt.seconds),
      counter.bannedUntil.map { .integer($0.seconds) } ?? .null)
  }

  func clear(_ key: AttemptKey) throws(StoreError) {
    try run(
      "DELETE FROM attempt WHERE scope = ?1 AND name = ?2 AND network = ?3",
      .text(key.scope.rawValue), .text(key.name), .text(key.network))
  }

  /// The seconds for which this attempt is banned, by the longest of its bans, or nil.
  func secondsBanned(_ attempt: Attempt, at now: NumericDate) throws(StoreError) -> Int64? {
    var longest: Int64?
    for key in attempt.keys {
      let limit = AttemptLimit.of(key.scope)
      guard let seconds = try counter(key)?.secondsBanned(at: now, limit: limit) else { continue }
      // Many networks that guess must not lock the owner out of the ones they use.
      if key.scope == .name, try isKnown(attempt) { continue }
      longest = max(longest ?? 0, seconds)
    }
    return longest
  }

  /// Whether the account of this name has logged in from this network of late.
  private func isKnown(_ attempt: Attempt) throws(StoreError) -> Bool {
    try first(
      """
      SELECT 1 FROM known_network WHERE network = ?2
        AND account = (SELECT id FROM account WHERE username = ?1)
      """, .text(attempt.name), .text(attempt.network.text)
    ) { row throws(StoreError) in
      try row.integer(0)
    } != nil
  }

  /// Remembers that an account has logged in from a network.
  func remember(
    _ network: Network, of account: AccountID, at now: NumericDate
  ) throws(StoreError) {
    try run(
      """
      INSERT INTO known_network (account, network, last_login_at) VALUES (?1, ?2, ?3)
      ON CONFLICT (account, network) DO UPDATE SET last_login_at = excluded.last_login_at
      """, .text(account.text), .text(network.text), .integer(now.seconds))
  }

  /// Deletes spent counters, and networks without a login for 90 days.
  func pruneAttempts(at now: NumericDate) throws(StoreError) {
    for (key, counter) in try counters()
    where counter.isSpent(at: now, limit: .of(key.scope)) {
      try clear(key)
    }
    let oldest = now + (-90 * 86_400)
    try run("DELETE FROM known_network WHERE last_login_at < ?1", .integer(oldest.seconds))
  }
}

private func readAttempt(
  _ row: Row
) throws(StoreError) -> (key: AttemptKey, counter: AttemptCounter) {
  guard let scope = AttemptKey.Scope(rawValue: try row.text(0)) else {
    throw .corrupt("attempt.scope")
  }
  let key = AttemptKey(scope: scope, name: try row.text(1), network: try row.text(2))
  let counter = AttemptCounter(
    failures: try row.integer(3), windowStartedAt: try row.date(4),
    bannedUntil: try row.optionalDate(5))
  return (key, counter)
}
