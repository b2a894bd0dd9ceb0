// The stored counters of wrong guesses, and the bans that follow from them.

/// A ban that is in force, as the administrator sees it.
package struct Ban: Equatable, Sendable {
  package let key: AttemptKey
  /// The number of wrong guesses in the window or in a row, whichever is larger.
  package let failures: Int64
  package let until: NumericDate

  package init(key: AttemptKey, failures: Int64, until: NumericDate) {
    self.key = key
    self.failures = failures
    self.until = until
  }
}

extension Attempt {
  /// The number of seconds for which this attempt is banned, or nil.
  ///
  /// If there are several bans, the longest counts. A ban on the name does not apply to a network
  /// from which the account has logged in: guesses from many networks must not lock the owner out.
  ///
  /// - Parameters:
  ///   - counters: The stored counters of this attempt's keys.
  ///   - lastLogin: The time when the account with this name last logged in from this network, or
  ///     nil.
  ///   - now: The time of the attempt.
  /// - Returns: The seconds until the ban ends, or nil if no ban applies.
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
  /// The number of seconds for which this attempt is banned, or nil.
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
  /// Updates the counters after the right password.
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
  /// The number of seconds for which this attempt is banned, or nil.
  package func secondsBanned(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try read { rows throws(StoreError) in try rows.secondsBanned(attempt, at: now) }
  }

  /// Counts a wrong guess, unless a ban is already in force.
  ///
  /// Returns the number of seconds until that ban ends, or nil if the guess was counted.
  package func countFailure(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try write { rows throws(StoreError) in
      // A banned client learns nothing from this guess, so the guess is not counted. Otherwise many
      // simultaneous guesses at one account would add up to a ban of their whole network.
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

  /// Deletes the counters of a name, of a network, or all counters, and so lifts their bans.
  ///
  /// Returns the number of bans that were in force.
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
