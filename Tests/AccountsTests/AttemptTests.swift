import Testing

@testable import Accounts

/// T127, T133.
@Suite struct `A counter of wrong guesses` {
  private let limit = AttemptLimit(failures: 5, window: .seconds(900), ban: .seconds(300))

  /// The counter after wrong guesses at these seconds after `start`.
  private func counter(_ guesses: Int64..., limit: AttemptLimit? = nil) throws -> AttemptCounter {
    let limit = limit ?? self.limit
    let last = guesses.reduce(nil as AttemptCounter?) {
      AttemptCounter.failing($0, at: start + $1, limit: limit)
    }
    return try #require(last)
  }

  @Test func `bans with the last guess that the limit allows, not before`() throws {
    let four = try counter(0, 1, 2, 3)
    #expect(four.failures == 4)
    #expect(four.secondsBanned(at: start + 3, limit: limit) == nil)
    let five = try counter(0, 1, 2, 3, 4)
    #expect(five.failures == 5)
    #expect(five.secondsBanned(at: start + 4, limit: limit) == 300)
  }

  @Test func `bans for the ban's length to the second`() throws {
    let banned = try counter(0, 0, 0, 0, 0)
    #expect(banned.bannedUntil == start + 300)
    #expect(banned.secondsBanned(at: start + 1, limit: limit) == 299)
    #expect(banned.secondsBanned(at: start + 299, limit: limit) == 1)
    #expect(banned.secondsBanned(at: start + 300, limit: limit) == nil)
  }

  @Test func `does not stretch a ban that is in force`() throws {
    let banned = try counter(0, 0, 0, 0, 0, 100, 200, 299)
    #expect(banned.failures == 8)
    #expect(banned.bannedUntil == start + 300)
  }

  @Test func `begins anew after a ban`() throws {
    let next = try counter(0, 0, 0, 0, 0, 300)
    #expect(
      next == AttemptCounter(failures: 1, windowStartedAt: start + 300, bannedUntil: nil))
  }

  @Test func `counts for a window from the first guess, then begins anew`() throws {
    #expect(try counter(0, 100, 200, 300, 900).secondsBanned(at: start + 900, limit: limit) == 300)
    let anew = try counter(0, 100, 200, 300, 901)
    #expect(anew == AttemptCounter(failures: 1, windowStartedAt: start + 901, bannedUntil: nil))
  }

  @Test func `of one guess bans at once`() throws {
    let one = AttemptLimit(failures: 1, window: .seconds(900), ban: .seconds(300))
    #expect(try counter(7, limit: one).bannedUntil == start + 307)
    #expect(try counter(7, 307, limit: one).bannedUntil == start + 607)
  }

  @Test func `is spent when its window or its ban is over, and only then`() throws {
    let open = try counter(0, 1)
    #expect(!open.isSpent(at: start + 900, limit: limit))
    #expect(open.isSpent(at: start + 901, limit: limit))
    let banned = try counter(0, 0, 0, 0, 0)
    #expect(!banned.isSpent(at: start + 299, limit: limit))
    #expect(banned.isSpent(at: start + 300, limit: limit))
  }

  // T133, T198: the clock set back.

  @Test func `tells no more than a ban's length, and the ban survives, with the clock set back`()
    throws
  {
    let banned = try counter(0, 0, 0, 0, 0)
    #expect(banned.secondsBanned(at: start + -86_400, limit: limit) == 300)
    #expect(!banned.isSpent(at: start + -86_400, limit: limit))
    #expect(banned.secondsBanned(at: start + 300, limit: limit) == nil)
  }

  @Test func `of a window that lies in the future is spent, unless the clock is nearly right`()
    throws
  {
    let open = try counter(0, 0, 0, 0)
    #expect(open.isSpent(at: start + -901, limit: limit))
    #expect(!open.isSpent(at: start + -900, limit: limit))
    // A clock set back by a little gives no guesses away.
    #expect(try counter(0, 0, 0, 0, -60).bannedUntil == start + 240)
  }

  @Test func `is strictest for name and network together and under 100 for a name`() {
    let pair = AttemptLimit.of(.pair)
    let network = AttemptLimit.of(.network)
    let name = AttemptLimit.of(.name)
    #expect(pair.failures < name.failures)
    #expect(pair.failures < network.failures)
    // NIST SP 800-63B-4 §3.2.2.
    #expect(name.carryOver?.failures == 100)
    for limit in [pair, network, name] {
      #expect(limit.failures >= 1)
      #expect(limit.window > .zero)
      #expect(limit.ban > .zero)
    }
  }
}

/// T127, T128, T134.
@Suite struct `An attempt` {
  private func name(_ presented: String) -> String {
    Attempt(presenting: presented, from: .unknown).name
  }

  @Test(arguments: [
    "alice", "Alice", "ALICE", " alice", "alice ", "\t alice\r\n", "\u{b}alice\u{c}",
  ])
  func `counts every spelling of a name as one`(presented: String) {
    #expect(name(presented) == "alice")
  }

  @Test func `counts another name as another`() {
    #expect(name("alice2") == "alice2")
    #expect(name("al.ice") == "al.ice")
  }

  @Test(arguments: [
    "", " ", "al ice", "alic\u{e9}", "alice\u{a0}", "alice\u{0}", "\u{430}lice", "'; --",
    String(repeating: "a", count: 65), String(repeating: " ", count: 100_000),
  ])
  func `counts all names that cannot exist as one`(presented: String) {
    #expect(name(presented) == "?")
  }

  @Test func `counts no name that can exist with those`() {
    #expect(Username("?") == nil)
  }

  @Test func `counts by name and network, by network, and by name`() throws {
    let network = try #require(Network(ipv4: [192, 0, 2, 1]))
    #expect(
      Attempt(presenting: "Alice", from: network).keys == [
        AttemptKey(scope: .pair, name: "alice", network: "192.0.2.1"),
        AttemptKey(scope: .network, name: "", network: "192.0.2.1"),
        AttemptKey(scope: .name, name: "alice", network: ""),
      ])
  }

  @Test func `shares one counter with each that has its name or its network`() throws {
    let here = try #require(Network(ipv4: [192, 0, 2, 1]))
    let there = try #require(Network(ipv4: [192, 0, 2, 2]))
    let keys = Set(Attempt(presenting: "alice", from: here).keys)
    func shared(_ presented: String, _ network: Network) -> [AttemptKey.Scope] {
      keys.intersection(Attempt(presenting: presented, from: network).keys).map(\.scope)
    }
    #expect(shared("alice", there) == [.name])
    #expect(shared("bob", here) == [.network])
    #expect(shared("bob", there).isEmpty)
    #expect(shared("ALICE ", here).count == 3)
  }
}

/// T131.
@Suite struct `A network` {
  private func ipv6(_ groups: UInt16...) -> [UInt8] {
    groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
  }

  @Test func `is an IPv4 address, every bit of it`() throws {
    #expect(try #require(Network(ipv4: [192, 0, 2, 1])).text == "192.0.2.1")
    #expect(Network(ipv4: [192, 0, 2, 1]) != Network(ipv4: [192, 0, 2, 2]))
  }

  @Test func `is the upper half of an IPv6 address`() throws {
    let one = try #require(Network(ipv6: ipv6(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6)))
    #expect(one.text == "2001:db8:1:2::/64")
    #expect(one == Network(ipv6: ipv6(0x2001, 0xdb8, 1, 2, 0xffff, 0xffff, 0xffff, 0xffff)))
    #expect(one != Network(ipv6: ipv6(0x2001, 0xdb8, 1, 3, 3, 4, 5, 6)))
  }

  @Test func `of a mapped IPv4 address is that address`() {
    let mapped = Network(ipv6: ipv6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201))
    #expect(mapped == Network(ipv4: [192, 0, 2, 1]))
    #expect(mapped != Network(ipv6: ipv6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0202)))
  }

  @Test func `of what only resembles a mapped address is an IPv6 network`() {
    for groups in [
      ipv6(0, 0, 0, 0, 0, 0, 0xc000, 0x0201), ipv6(0, 0, 0, 0, 0xffff, 0, 0xc000, 0x0201),
      ipv6(0, 0, 0, 0, 0, 0xff00, 0xc000, 0x0201), ipv6(0, 0, 0, 0, 1, 0xffff, 0xc000, 0x0201),
      ipv6(0x64, 0xff9b, 0, 0, 0, 0xffff, 0xc000, 0x0201),
    ] {
      #expect(Network(ipv6: groups)?.text.hasSuffix("::/64") == true)
    }
  }

  @Test(arguments: [0, 3, 5, 15, 17])
  func `has 4 bytes or 16`(count: Int) {
    #expect(Network(ipv4: Array(repeating: 1, count: count)) == nil)
    #expect(Network(ipv6: Array(repeating: 1, count: count)) == nil)
  }

  @Test func `that is unknown is none that is known`() {
    #expect(Network.unknown != Network(ipv4: [0, 0, 0, 0]))
    #expect(Network.unknown != Network(ipv6: Array(repeating: 0, count: 16)))
  }
}
