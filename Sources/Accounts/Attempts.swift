// How guessing is slowed: by name and network together, by network, and by name.
//
// A guess counts against three counters. The pair stops one attacker at one account without
// touching the owner elsewhere; the network stops one attacker who tries many names; the name
// stops many networks that try one account, but never a network from which the owner has logged
// in before: so nobody can lock an owner out for good. OWASP ASVS 5.0 6.1.1, 6.3.1.

/// Who tries to log in as whom.
package struct Attempt: Equatable, Sendable {
  /// The name as counted: lower-case and trimmed, so that spellings share one counter.
  package let name: String
  package let network: Network

  /// Counts a name as presented, existing or not, well-formed or not.
  package init(presenting name: String, from network: Network) {
    let trimmed = name.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    // Names that cannot exist share one counter, so that they cannot fill the store.
    self.name = Username(String(decoding: Array(trimmed), as: UTF8.self))?.text ?? "?"
    self.network = network
  }

  /// The counters this attempt counts against.
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

/// One counter's key.
package struct AttemptKey: Hashable, Sendable {
  package enum Scope: String, Sendable, CaseIterable {
    case pair, network, name
  }

  package let scope: Scope
  /// The counted name; empty for the scope `network`.
  package let name: String
  /// The counted network; empty for the scope `name`.
  package let network: String

  package init(scope: Scope, name: String, network: String) {
    self.scope = scope
    self.name = name
    self.network = network
  }
}

/// Wrong guesses of late, and the ban they led to.
package struct AttemptCounter: Equatable, Sendable {
  /// Wrong guesses in the current window.
  package var failures: Int64
  package var windowStartedAt: NumericDate
  package var bannedUntil: NumericDate?
  /// Wrong guesses since the last right one, over all windows and bans.
  package var inARow: Int64
  /// When the last wrong guess was made that no ban refused.
  package var lastFailedAt: NumericDate

  /// A counter; in one window, all its wrong guesses are in a row and at its start unless told.
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

  /// The seconds until the ban ends, or nil where there is none.
  ///
  /// Never more than a ban's length: a clock set back does not stretch it.
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
    // A ban in force is not stretched: its end is the one that the client was told.
    guard next.bannedUntil == nil else { return next }
    next.lastFailedAt = now
    next.bannedUntil = next.ban(limit).map { now + $0 }
    return next
  }

  /// The counter after the right password was given; nil where it is to be deleted.
  ///
  /// The pair is cleared. The network is not: whoever knows one password must not be able to guess
  /// at others for ever. The name begins a new row, but its window goes on: an owner who logs in
  /// often must not give an attacker more guesses in an hour.
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

  /// The length of the ban that the last wrong guess leads to, or nil.
  private func ban(_ limit: AttemptLimit) -> Duration? {
    if let carryOver = limit.carryOver {
      if inARow >= carryOver.failures { return carryOver.ban }
      if inARow >= limit.failures { return limit.ban }
    }
    return failures >= limit.failures ? limit.ban : nil
  }

  /// Whether the next wrong guess begins a new window.
  private func isWindowOver(at now: NumericDate, limit: AttemptLimit) -> Bool {
    if let bannedUntil { return now >= bannedUntil }
    // With a carry-over only a pause ends a window, so that no hour has more guesses than allowed:
    // not even one that lies across the border of two windows.
    let since = limit.carryOver == nil ? windowStartedAt : lastFailedAt
    return !now.isWithin(limit.window, of: since)
  }

  /// Whether the counter says nothing any more and can be deleted.
  package func isSpent(at now: NumericDate, limit: AttemptLimit) -> Bool {
    guard isWindowOver(at: now, limit: limit) else { return false }
    guard let carryOver = limit.carryOver, inARow > 0 else { return true }
    return (now - lastFailedAt).magnitude >= carryOver.ban.components.seconds.magnitude
  }
}

/// How many wrong guesses in which time lead to a ban of which length.
package struct AttemptLimit: Equatable, Sendable {
  package let failures: Int64
  package let window: Duration
  package let ban: Duration
  /// What becomes of the guesses in a row after a ban; nil where counting starts anew.
  package let carryOver: CarryOver?
  /// Whether the right password clears the counter.
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

  /// Wrong guesses in a row are carried over a ban, so that each one more bans anew.
  ///
  /// They are forgotten with the right password, or after a pause as long as the ban here.
  package struct CarryOver: Equatable, Sendable {
    /// From how many in a row on this ban takes the place of the usual one.
    package let failures: Int64
    package let ban: Duration

    package init(failures: Int64, ban: Duration) {
      self.failures = failures
      self.ban = ban
    }
  }

  /// The limit of each scope.
  ///
  /// A name: 50 in a row, or 50 with no pause of an hour between, ban it for an hour, and so does
  /// each one more; 100 in a row ban it for a day, after which counting starts anew. So no hour has
  /// more than 50 guesses and no row more than 100 (NIST SP 800-63B-4 §3.2.2), and nobody is locked
  /// out for good.
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
