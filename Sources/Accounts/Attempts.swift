// Limits on guessing passwords.
//
// A wrong guess increments three counters:
//
// - The counter of name and network stops one attacker at one account. The owner, who uses another
//   network, is not affected.
// - The counter of the network stops one attacker who tries many names.
// - The counter of the name stops many networks that try one account. It never bans a network from
//   which the owner has logged in before, so nobody can lock an owner out for good.
//
// OWASP ASVS 5.0 6.1.1, 6.3.1.

/// A login attempt: the name and the network it comes from.
package struct Attempt: Equatable, Sendable {
  /// The name in lower case without spaces around it, so that all spellings share one counter.
  package let name: String
  package let network: Network

  /// Takes a name as the client presented it, which need not be valid or belong to an account.
  package init(presenting name: String, from network: Network) {
    let trimmed = name.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    // All invalid names share one counter. Otherwise they could fill the store.
    self.name = Username(String(decoding: Array(trimmed), as: UTF8.self))?.text ?? "?"
    self.network = network
  }

  /// The keys of the counters that this attempt uses.
  package var keys: [AttemptKey] {
    [
      AttemptKey(scope: .pair, name: name, network: network.text),
      AttemptKey(scope: .network, name: "", network: network.text),
      AttemptKey(scope: .name, name: name, network: ""),
    ]
  }
}

private func isBlank(_ byte: UInt8) -> Bool {
  byte == 0x20 || (0x09...0x0d).contains(byte)
}

/// The key of a counter.
package struct AttemptKey: Hashable, Sendable {
  package enum Scope: String, Sendable, CaseIterable {
    case pair, network, name
  }

  package let scope: Scope
  /// The name; empty for the scope `network`.
  package let name: String
  /// The network; empty for the scope `name`.
  package let network: String

  package init(scope: Scope, name: String, network: String) {
    self.scope = scope
    self.name = name
    self.network = network
  }
}

/// The number of recent wrong guesses, and the ban that they caused.
package struct AttemptCounter: Equatable, Sendable {
  /// The number of wrong guesses in the current window.
  package var failures: Int64
  package var windowStartedAt: NumericDate
  package var bannedUntil: NumericDate?
  /// The number of wrong guesses since the last right one, over all windows and bans.
  package var inARow: Int64
  /// The time of the last wrong guess that was not refused by a ban.
  package var lastFailedAt: NumericDate

  /// Makes a counter.
  ///
  /// By default all its wrong guesses are in a row and happened at the start of the window.
  package init(
    failures: Int64, windowStartedAt: NumericDate, bannedUntil: NumericDate?,
    inARow: Int64? = nil, lastFailedAt: NumericDate? = nil
  ) {
    self.failures = failures
    self.windowStartedAt = windowStartedAt
    self.bannedUntil = bannedUntil
    self.inARow = inARow ?? failures
    self.lastFailedAt = lastFailedAt ?? windowStartedAt
  }

  /// The number of seconds until the ban ends, or nil if there is no ban.
  ///
  /// The number never exceeds the length of a ban, so setting the clock back does not prolong one.
  package func secondsBanned(at now: NumericDate, limit: AttemptLimit) -> Int64? {
    guard let bannedUntil, now < bannedUntil else { return nil }
    return min(bannedUntil - now, (ban(limit) ?? limit.ban).components.seconds)
  }

  /// The counter after one more wrong guess.
  package static func failing(
    _ counter: AttemptCounter?, at now: NumericDate, limit: AttemptLimit
  ) -> AttemptCounter {
    var next = AttemptCounter(failures: 0, windowStartedAt: now, bannedUntil: nil)
    if let counter, !counter.isSpent(at: now, limit: limit) {
      next = counter
      if next.isWindowOver(at: now, limit: limit) {
        (next.failures, next.windowStartedAt, next.bannedUntil) = (0, now, nil)
      }
    }
    if next.failures < .max { next.failures += 1 }
    if next.inARow < .max { next.inARow += 1 }
    // A ban is never prolonged, because the client was told when it ends.
    guard next.bannedUntil == nil else { return next }
    next.lastFailedAt = now
    next.bannedUntil = next.ban(limit).map { now + $0 }
    return next
  }

  /// The counter after the right password, or nil if the counter must be deleted.
  ///
  /// - The counter of name and network is deleted.
  /// - The counter of the network is kept. Otherwise somebody who knows one password could guess at
  ///   others without limit.
  /// - In the counter of the name the row ends, but the window continues. Otherwise an owner who
  ///   logs in often would give an attacker more guesses in an hour.
  package static func succeeding(
    _ counter: AttemptCounter, at now: NumericDate, limit: AttemptLimit
  ) -> AttemptCounter? {
    if limit.isClearedBySuccess { return nil }
    guard limit.carryOver != nil else { return counter }
    var next = counter
    next.inARow = 0
    let shortened = next.ban(limit).map { counter.lastFailedAt + $0 }
    next.bannedUntil = counter.bannedUntil.flatMap { until in shortened.map { min(until, $0) } }
    return next.isSpent(at: now, limit: limit) ? nil : next
  }

  /// The length of the ban that the last wrong guess causes, or nil.
  private func ban(_ limit: AttemptLimit) -> Duration? {
    if let carryOver = limit.carryOver {
      if inARow >= carryOver.failures { return carryOver.ban }
      if inARow >= limit.failures { return limit.ban }
    }
    return failures >= limit.failures ? limit.ban : nil
  }

  /// Whether the next wrong guess starts a new window.
  private func isWindowOver(at now: NumericDate, limit: AttemptLimit) -> Bool {
    if let bannedUntil { return now >= bannedUntil }
    // With a carry-over only a pause ends a window. Otherwise an hour that overlaps two windows
    // could contain more guesses than one window allows.
    let since = limit.carryOver == nil ? windowStartedAt : lastFailedAt
    return !now.isWithin(limit.window, of: since)
  }

  /// Whether the counter has no effect any more and can be deleted.
  package func isSpent(at now: NumericDate, limit: AttemptLimit) -> Bool {
    guard isWindowOver(at: now, limit: limit) else { return false }
    guard let carryOver = limit.carryOver, inARow > 0 else { return true }
    return (now - lastFailedAt).magnitude >= carryOver.ban.components.seconds.magnitude
  }
}

/// A limit: so many wrong guesses within a window cause a ban.
package struct AttemptLimit: Equatable, Sendable {
  package let failures: Int64
  package let window: Duration
  package let ban: Duration
  /// How wrong guesses in a row count after a ban; nil if counting restarts at zero.
  package let carryOver: CarryOver?
  /// Whether the right password deletes the counter.
  package let isClearedBySuccess: Bool

  package init(
    failures: Int64, window: Duration, ban: Duration, carryOver: CarryOver? = nil,
    isClearedBySuccess: Bool = false
  ) {
    self.failures = failures
    self.window = window
    self.ban = ban
    self.carryOver = carryOver
    self.isClearedBySuccess = isClearedBySuccess
  }

  /// Wrong guesses in a row still count after a ban, so that each further one causes another ban.
  ///
  /// They are forgotten after the right password, or after a pause as long as `ban`.
  package struct CarryOver: Equatable, Sendable {
    /// The number of wrong guesses in a row from which on `ban` replaces the usual ban.
    package let failures: Int64
    package let ban: Duration

    package init(failures: Int64, ban: Duration) {
      self.failures = failures
      self.ban = ban
    }
  }

  /// The limit of each scope.
  ///
  /// For a name, 50 wrong guesses in a row, or 50 without a pause of an hour, cause a ban of one
  /// hour. Each further one causes another such ban. 100 in a row cause a ban of one day, and then
  /// counting restarts at zero. So there are at most 50 guesses in any hour and at most 100 in a
  /// row (NIST SP 800-63B-4 §3.2.2), but nobody is locked out for good.
  package static func of(_ scope: AttemptKey.Scope) -> AttemptLimit {
    switch scope {
    case .pair:
      AttemptLimit(
        failures: 5, window: .seconds(900), ban: .seconds(300), isClearedBySuccess: true)
    case .network: AttemptLimit(failures: 100, window: .seconds(900), ban: .seconds(900))
    case .name:
      AttemptLimit(
        failures: 50, window: .seconds(3_600), ban: .seconds(3_600),
        carryOver: CarryOver(failures: 100, ban: .seconds(86_400)))
    }
  }
}
