// Counting wrong guesses in the store, and the bans they lead to.

/// A ban in force, as the administrator sees it.
package struct Ban: Equatable, Sendable {
  package let key: AttemptKey
  /// Wrong guesses in the window or in a row, whichever are more.
  package let failures: Int64
  package let until: NumericDate

  package init(key: AttemptKey, failures: Int64, until: NumericDate) {
    self.key = key
    self.failures = failures
    self.until = until
  }
}

extension Attempt {
  /// The seconds for which this attempt is banned, by the longest of its bans, or nil.
  ///
  /// A ban on the name alone does not hold for a network from which its account has logged in:
  /// many networks that guess must not lock the owner out of their own.
  ///
  /// - Parameters:
  ///   - counters: The counters of this attempt's keys that are stored.
  ///   - lastLogin: When the account of this name last logged in from this network, or nil.
  ///   - now: The time of the attempt.
  /// - Returns: The seconds, or nil where no ban holds.
  package func secondsBanned(
    by counters: [AttemptKey: AttemptCounter], lastLogin: NumericDate?, at now: NumericDate
  ) -> Int64? {
    let isKnown = network.isKnown(lastLogin: lastLogin, at: now)
    return keys.compactMap { key in
      guard key.scope != .name || !isKnown else { return nil }
      return counters[key]?.secondsBanned(at: now, limit: .of(key.scope))
    }.max()
  }
}

extension StoreReader {
  /// The seconds for which this attempt is banned, or nil.
  func secondsBanned(_ attempt: Attempt, at now: NumericDate) throws(StoreError) -> Int64? {
    var counters: [AttemptKey: AttemptCounter] = [:]
    for key in attempt.keys { counters[key] = try counter(key) }
    guard !counters.isEmpty else { return nil }
    var lastLogin: NumericDate?
    if let username = Username(attempt.name) {
      lastLogin = try self.lastLogin(of: username, from: attempt.network)
    }
    return attempt.secondsBanned(by: counters, lastLogin: lastLogin, at: now)
  }
}

extension StoreTransaction {
  /// Notes that an attempt succeeded.
  func countSuccess(_ attempt: Attempt, at now: NumericDate) throws(StoreError) {
    for key in attempt.keys {
      guard let counter = try counter(key) else { continue }
      if let next = AttemptCounter.succeeding(counter, at: now, limit: .of(key.scope)) {
        if next != counter { try store(next, for: key) }
      } else {
        try deleteCounter(key)
      }
    }
  }
}

extension AccountStore {
  /// The seconds for which this attempt is banned, or nil.
  package func secondsBanned(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try read { rows throws(StoreError) in try rows.secondsBanned(attempt, at: now) }
  }

  /// Counts a wrong guess; the seconds of a ban that was in force already, or nil.
  package func countFailure(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try write { rows throws(StoreError) in
      // Whoever is banned learns nothing from this guess, so it counts against nobody: many at
      // once from one network must not add up to a ban for all the others.
      if let seconds = try rows.secondsBanned(attempt, at: now) { return seconds }
      for key in attempt.keys {
        let next = AttemptCounter.failing(
          try rows.counter(key), at: now, limit: .of(key.scope))
        try rows.store(next, for: key)
      }
      return nil
    }
  }

  /// All bans in force.
  package func bans(at now: NumericDate) throws(StoreError) -> [Ban] {
    let counters = try read { rows throws(StoreError) in
      try rows.counters(name: nil, network: nil)
    }
    return counters.compactMap { key, counter in
      counter.secondsBanned(at: now, limit: .of(key.scope)).map { seconds in
        Ban(key: key, failures: max(counter.failures, counter.inARow), until: now + seconds)
      }
    }
  }

  /// Lifts bans and clears counters: of a name, of a network, or all; how many were in force.
  package func liftBans(
    name: String?, network: String?, at now: NumericDate
  ) throws(StoreError) -> Int {
    let name = name.map { Attempt(presenting: $0, from: .unknown).name }
    return try write { rows throws(StoreError) in
      var lifted = 0
      for (key, counter) in try rows.counters(name: name, network: network) {
        if counter.secondsBanned(at: now, limit: .of(key.scope)) != nil { lifted += 1 }
        try rows.deleteCounter(key)
      }
      return lifted
    }
  }
}
