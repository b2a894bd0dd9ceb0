import Accounts
import Testing

/// OWASP ASVS 5.0 6.1.1, 6.3.1.
@Suite struct `Wrong guesses in the store` {
  private let alice = Attempt(presenting: "alice", from: home)

  /// T127: the ban is answered alike for names that exist and names that do not.
  @Test(arguments: Engine.all, [true, false])
  func `ban the name from that network until the time is over`(
    engine: Engine, exists: Bool
  ) throws {
    let bench = try Bench(engine)
    if exists { try bench.person("alice") }
    for guess in 0..<5 as Range<Int64> {
      #expect(try bench.store.secondsBanned(alice, at: t(guess)) == nil)
      #expect(try bench.store.countFailure(alice, at: t(guess)) == nil)
    }
    #expect(try bench.store.secondsBanned(alice, at: t(4)) == 300)
    #expect(try bench.store.secondsBanned(alice, at: t(303)) == 1)
    #expect(try bench.store.secondsBanned(alice, at: t(304)) == nil)
    #expect(try bench.store.countFailure(alice, at: t(100)) == 204)
    #expect(try bench.store.countFailure(alice, at: t(304)) == nil)
    #expect(try bench.store.secondsBanned(alice, at: t(305)) == nil)
  }

  /// T127: not even the right password starts a session while the ban holds.
  @Test(arguments: Engine.all)
  func `that came while the right password was verified win`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (person, _) = try bench.person()
    for _ in 0..<5 { _ = try bench.store.countFailure(alice, at: t(0)) }
    let session = newSession(of: person.account, at: t(10))
    #expect(
      try bench.start(person, session, newHash: "new", at: t(10)) == .banned(seconds: 290))
    let change = changing(person, at: t(10))
    #expect(try bench.store.changePassword(change, at: t(10)) == .banned(seconds: 290))
    #expect(try bench.store.credentials(of: person.account.id) == person)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.start(person, at: t(300)) == .started(evicted: []))
  }

  /// T128.
  @Test(arguments: Engine.all)
  func `count together however the name is written`(engine: Engine) throws {
    let bench = try Bench(engine)
    for name in ["Alice", "ALICE", " alice", "alice ", "\talice\n"] {
      _ = try bench.store.countFailure(Attempt(presenting: name, from: home), at: t(0))
    }
    #expect(try bench.store.secondsBanned(alice, at: t(0)) != nil)
    #expect(
      try bench.store.secondsBanned(Attempt(presenting: "alicia", from: home), at: t(0)) == nil)
  }

  /// T132: nobody can lock an owner out from where they have logged in before.
  @Test(arguments: Engine.all)
  func `from many networks ban the name but not where its owner logs in`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (person, session) = try bench.person()
    _ = try bench.start(person, from: home)
    try banName("alice", in: bench.store, at: t(0))
    let stranger = Attempt(presenting: "alice", from: elsewhere)
    #expect(try bench.store.secondsBanned(stranger, at: t(0)) == 3_600)
    #expect(try bench.store.secondsBanned(alice, at: t(0)) == nil)
    #expect(try bench.start(person, from: elsewhere, at: t(1)) == .banned(seconds: 3_599))
    #expect(try bench.start(person, from: home, at: t(1)) == .started(evicted: []))
    #expect(try bench.refresh(session, presenting: 1, at: t(1)).rotation == .rotate)
    // Guesses from there still lead to the ban of the pair.
    for _ in 0..<5 { _ = try bench.store.countFailure(alice, at: t(2)) }
    #expect(try bench.store.secondsBanned(alice, at: t(2)) == 300)
  }

  /// Six hours of guesses, five from each network; the owner comes in from home all the while.
  ///
  /// NIST SP 800-63B-4 §3.2.2. Without a carry-over it was 250 guesses an hour.
  @Test(arguments: Engine.all)
  func `from ever new networks learn 50 times in an hour and once an hour from then on`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (person, _) = try bench.person()
    _ = try bench.start(person, from: home)
    var reached: [Int64] = []
    for minute in 0..<(6 * 60) as Range<Int64> {
      for guess in 0..<5 as Range<Int64> {
        let attempt = Attempt(
          presenting: "alice", from: Network(text: "2001:db8:0:\(minute)::/64"))
        let now = minute * 60 + guess
        guard try bench.store.secondsBanned(attempt, at: t(now)) == nil else { continue }
        if try bench.store.countFailure(attempt, at: t(now)) == nil { reached.append(now) }
      }
    }
    #expect(reached.count == 55)
    #expect(reached.count { $0 < 3_600 } == 50)
    #expect(try bench.store.secondsBanned(alice, at: t(6 * 3_600)) == nil)
    #expect(try bench.start(person, from: home, at: t(6 * 3_600)) == .started(evicted: []))
  }

  /// Where no address is known, all such clients are one network, which no account can own.
  @Test(arguments: Engine.all)
  func `ban the name also where no address is known, whoever logged in without one`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (person, _) = try bench.person()
    _ = try bench.start(person, from: .unknown)
    try banName("alice", in: bench.store, at: t(0))
    let attempt = Attempt(presenting: "alice", from: .unknown)
    #expect(try bench.store.secondsBanned(attempt, at: t(0)) != nil)
  }

  @Test(arguments: Engine.all)
  func `at many names ban the network`(engine: Engine) throws {
    let bench = try Bench(engine)
    for name in 0..<100 {
      let attempt = Attempt(presenting: "name\(name)", from: home)
      #expect(try bench.store.countFailure(attempt, at: t(0)) == nil)
    }
    #expect(try bench.store.secondsBanned(alice, at: t(0)) == 900)
    #expect(
      try bench.store.secondsBanned(Attempt(presenting: "alice", from: elsewhere), at: t(0)) == nil)
  }

  @Test(arguments: Engine.all)
  func `of the pair are forgotten after a login, those of the network are not`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (person, _) = try bench.person()
    for _ in 0..<4 { _ = try bench.store.countFailure(alice, at: t(0)) }
    _ = try bench.start(person)
    for _ in 0..<4 { _ = try bench.store.countFailure(alice, at: t(1)) }
    #expect(try bench.store.secondsBanned(alice, at: t(1)) == nil)
    for name in 0..<92 {
      _ = try bench.store.countFailure(Attempt(presenting: "n\(name)", from: home), at: t(1))
    }
    #expect(try bench.store.bans(at: t(1)).map(\.key.scope) == [.network])
  }

  /// T133: it survives a restart, and a clock set back does not stretch it.
  @Test(arguments: Engine.all)
  func `ban across a restart, and never for longer than a ban`(engine: Engine) throws {
    let scratch = try Scratch()
    let bench = try Bench(engine, in: scratch)
    for _ in 0..<5 { _ = try bench.store.countFailure(alice, at: t(0)) }
    let again = try Bench(engine, in: scratch)
    #expect(try again.store.secondsBanned(alice, at: t(100)) == 200)
    #expect(try again.store.secondsBanned(alice, at: t(-86_400)) == 300)
  }

  @Test(arguments: Engine.all)
  func `are listed and lifted by name, by network, or all`(engine: Engine) throws {
    let bench = try Bench(engine)
    func ban() throws {
      for (name, network) in [("alice", home), ("bob", home), ("bob", elsewhere)] {
        for _ in 0..<5 {
          _ = try bench.store.countFailure(Attempt(presenting: name, from: network), at: t(0))
        }
      }
    }
    try ban()
    let bans = try bench.store.bans(at: t(1))
    #expect(bans.count == 3)
    #expect(bans.allSatisfy { $0.key.scope == .pair && $0.failures == 5 && $0.until == t(300) })
    #expect(try bench.store.bans(at: t(300)).isEmpty)

    #expect(try bench.store.liftBans(name: "BOB", network: elsewhere.text, at: t(1)) == 1)
    #expect(try bench.store.liftBans(name: "bob", network: nil, at: t(1)) == 1)
    #expect(try bench.store.bans(at: t(1)).map(\.key.name) == ["alice"])
    try ban()
    #expect(try bench.store.liftBans(name: nil, network: home.text, at: t(1)) == 2)
    #expect(try bench.store.liftBans(name: nil, network: nil, at: t(1)) == 1)
    #expect(try bench.store.liftBans(name: nil, network: nil, at: t(1)) == 0)
    #expect(try bench.store.secondsBanned(alice, at: t(1)) == nil)
  }

  @Test(arguments: Engine.all)
  func `are pruned when they say nothing any more, and a known network after 90 days`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (person, _) = try bench.person()
    _ = try bench.start(person, from: home)
    for _ in 0..<5 { _ = try bench.store.countFailure(alice, at: t(0)) }
    _ = try bench.store.prune(at: t(299), unusedSince: t(0))
    #expect(try bench.store.secondsBanned(alice, at: t(299)) == 1)
    _ = try bench.store.prune(at: t(300), unusedSince: t(0))
    #expect(try bench.store.secondsBanned(alice, at: t(299)) == nil)

    let day: Int64 = 86_400
    for (now, isKnown) in [(t(90 * day), true), (t(90 * day + 1), false)] {
      _ = try bench.store.prune(at: now, unusedSince: t(0))
      try banName("alice", in: bench.store, at: now)
      #expect(try (bench.store.secondsBanned(alice, at: now) == nil) == isKnown)
      _ = try bench.store.liftBans(name: nil, network: nil, at: now)
    }
  }
}
