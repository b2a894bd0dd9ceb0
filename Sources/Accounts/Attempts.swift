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
  package var failures: Int64
  package var windowStartedAt: NumericDate
  package var bannedUntil: NumericDate?

  package init(failures: Int64, windowStartedAt: NumericDate, bannedUntil: NumericDate?) {
    self.failures = failures
    self.windowStartedAt = windowStartedAt
    self.bannedUntil = bannedUntil
  }

  /// The seconds until the ban ends, or nil where there is none.
  ///
  /// Never more than a ban's length: a clock set back does not stretch it.
  package func secondsBanned(at now: NumericDate, limit: AttemptLimit) -> Int64? {
    guard let bannedUntil, now < bannedUntil else { return nil }
    return min(bannedUntil - now, limit.ban.components.seconds)
  }

  /// The counter after one more wrong guess.
  package static func failing(
    _ counter: AttemptCounter?, at now: NumericDate, limit: AttemptLimit
  ) -> AttemptCounter {
    guard var next = counter, !next.isSpent(at: now, limit: limit) else {
      let first = AttemptCounter(failures: 1, windowStartedAt: now, bannedUntil: nil)
      return limit.failures > 1 ? first : first.banned(at: now, limit: limit)
    }
    if next.failures < .max { next.failures += 1 }
    // A ban in force is not stretched: its end is the one that the client was told.
    guard next.bannedUntil == nil, next.failures >= limit.failures else { return next }
    return next.banned(at: now, limit: limit)
  }

  /// The counter after the right password was given; nil where it is to be deleted.
  ///
  /// Only the pair is cleared: whoever knows one password must not be able to clear the counter of
  /// a network, or of a name that others guess at.
  package static func succeeding(
    _ counter: AttemptCounter, at now: NumericDate, limit: AttemptLimit
  ) -> AttemptCounter? {
    limit.isClearedBySuccess ? nil : counter
  }

  private func banned(at now: NumericDate, limit: AttemptLimit) -> AttemptCounter {
    AttemptCounter(
      failures: failures, windowStartedAt: windowStartedAt, bannedUntil: now + limit.ban)
  }

  /// Whether the counter says nothing any more and can be deleted.
  package func isSpent(at now: NumericDate, limit: AttemptLimit) -> Bool {
    if let bannedUntil { return now >= bannedUntil }
    return !now.isWithin(limit.window, of: windowStartedAt)
  }
}

/// How many wrong guesses in which time lead to a ban of which length.
package struct AttemptLimit: Equatable, Sendable {
  package let failures: Int64
  package let window: Duration
  package let ban: Duration
  /// Whether the right password clears the counter.
  package let isClearedBySuccess: Bool

  package init(
    failures: Int64, window: Duration, ban: Duration, isClearedBySuccess: Bool = false
  ) {
    self.failures = failures
    self.window = window
    self.ban = ban
    self.isClearedBySuccess = isClearedBySuccess
  }

  /// The limit of each scope.
  ///
  /// NIST SP 800-63B-4 allows at most 100 consecutive failures on one account.
  package static func of(_ scope: AttemptKey.Scope) -> AttemptLimit {
    switch scope {
    case .pair:
      AttemptLimit(
        failures: 5, window: .seconds(900), ban: .seconds(300), isClearedBySuccess: true)
    case .network: AttemptLimit(failures: 100, window: .seconds(900), ban: .seconds(900))
    case .name: AttemptLimit(failures: 50, window: .seconds(3_600), ban: .seconds(900))
    }
  }
}
