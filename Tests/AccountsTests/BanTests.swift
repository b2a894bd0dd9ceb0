import Testing

@testable import Accounts

/// Which counters ban whom.
///
/// OWASP ASVS 5.0 6.1.1, 6.3.1; T127, T132.
@Suite struct `A ban` {
  private let attempt = Attempt(presenting: "alice", from: Network(text: "192.0.2.1"))
  private let day: Int64 = 86_400

  /// Counters of the attempt that ban for so many seconds from `start` on.
  private func counters(
    pair: Int64? = nil, network: Int64? = nil, name: Int64? = nil
  ) -> [AttemptKey: AttemptCounter] {
    var counters: [AttemptKey: AttemptCounter] = [:]
    for (key, seconds) in zip(attempt.keys, [pair, network, name]) {
      guard let seconds else { continue }
      counters[key] = AttemptCounter(
        failures: 50, windowStartedAt: start, bannedUntil: start + seconds)
    }
    return counters
  }

  private func seconds(
    _ counters: [AttemptKey: AttemptCounter], lastLogin: NumericDate? = nil
  ) -> Int64? {
    attempt.secondsBanned(by: counters, lastLogin: lastLogin, at: start)
  }

  @Test func `is the longest of those on the pair, the network and the name`() {
    #expect(seconds([:]) == nil)
    #expect(seconds(counters(pair: 20)) == 20)
    #expect(seconds(counters(pair: 20, network: 30)) == 30)
    #expect(seconds(counters(pair: 20, network: 30, name: 40)) == 40)
    #expect(seconds(counters(pair: 50, network: 30, name: 40)) == 50)
    #expect(seconds(counters(pair: 0)) == nil)
  }

  /// T132: nobody can lock an owner out of where they have logged in.
  @Test func `on the name exempts a network from which its owner has logged in, no other ban does`()
  {
    #expect(seconds(counters(name: 40), lastLogin: start) == nil)
    #expect(seconds(counters(pair: 20, name: 40), lastLogin: start) == 20)
    #expect(seconds(counters(network: 30, name: 40), lastLogin: start) == 30)
  }

  @Test func `on the name exempts a network for 90 days after the last login`() {
    #expect(seconds(counters(name: 40), lastLogin: start + -90 * day) == nil)
    #expect(seconds(counters(name: 40), lastLogin: start + (-90 * day - 1)) == 40)
    // A clock set back forgets no network.
    #expect(seconds(counters(name: 40), lastLogin: start + day) == nil)
  }
}

/// T109, T110: what `check` remembers is dropped after each of these.
@Suite struct `A change of an account` {
  private func takesRights(_ change: (Account) -> Account) throws -> Bool {
    let former = Account(
      id: try accountID(), username: try #require(Username("alice")),
      groups: try #require(Group.list("admin,staff")), createdAt: start)
    return change(former).revokes(former)
  }

  @Test func `takes rights away where version, groups or the flag do`() throws {
    #expect(try takesRights { $0.withRaisedVersion })
    #expect(try takesRights { $0.with(isDisabled: true) })
    for list in ["", "admin", "admin,staff,more", "staff,admin"] {
      let groups = try #require(Group.list(list))
      #expect(try takesRights { $0.with(groups: groups) })
    }
  }

  @Test func `takes none away where nothing changes, or an account is enabled`() throws {
    #expect(try !takesRights { $0 })
    let groups = try #require(Group.list("admin,staff"))
    #expect(try !takesRights { $0.with(groups: groups) })
    let disabled = try account(isDisabled: true)
    #expect(!disabled.with(isDisabled: false).revokes(disabled))
    #expect(!disabled.revokes(disabled))
  }
}
