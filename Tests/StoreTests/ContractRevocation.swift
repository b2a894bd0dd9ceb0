import Accounts
import Testing

/// T109, T110: what `check` remembers is good while the mark stays the same.
@Suite struct `The revocation mark of the store` {
  @Test(arguments: Engine.all)
  func `changes with a right taken away, here and in another process, and then stays`(
    engine: Engine
  ) throws {
    let scratch = try Scratch()
    let here = try Bench(engine, in: scratch)
    let there = try Bench(engine, in: scratch)
    var last = try here.mark()
    for (round, bench) in [here, there, here, there].enumerated() {
      let session = try bench.person("alice\(round)").session
      #expect(try here.mark() == last)
      #expect(try bench.store.endSession(session.id, of: nil))
      let now = try here.mark()
      #expect(now != last)
      #expect(try here.mark() == now && there.mark() == now)
      last = now
    }
  }

  @Test(arguments: Engine.all)
  func `shows every right taken away, and no login or rotation`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let id = alice.account.id
    func changes(_ body: () throws -> Void) throws -> Bool {
      let before = try bench.mark()
      try body()
      return try bench.mark() != before
    }
    #expect(try !changes { _ = try bench.start(alice) })
    #expect(try !changes { _ = try bench.refresh(session, presenting: 1, at: t(60)) })
    #expect(try !changes { try bench.store.confirm([(session.id, 2)]) })
    #expect(try !changes { _ = try bench.store.endSession(newSessionID(), of: nil) })
    #expect(try !changes { _ = try bench.store.setDisabled(false, account: id) })
    #expect(try !changes { _ = try bench.store.setGroups([], account: id) })
    #expect(try !changes { _ = try bench.store.revoke(newAccountID()) })
    #expect(try !changes { _ = try bench.store.delete(newAccountID()) })
    #expect(try !changes { _ = try bench.store.prune(at: t(60), unusedSince: t(0)) })

    let staff = try #require(Group.list("staff"))
    #expect(try changes { _ = try bench.store.setGroups(staff, account: id) })
    #expect(try changes { _ = try bench.store.prune(at: t(60), unusedSince: t(1)) })
    #expect(try changes { _ = try bench.store.endSession(session.id, of: id) })
    #expect(try changes { _ = try bench.store.revoke(id) })
    #expect(try changes { _ = try bench.store.setPasswordHash("new", account: id) })
    #expect(try changes { _ = try bench.store.setDisabled(true, account: id) })
    #expect(try changes { _ = try bench.store.delete(id) })
  }
}

@Suite struct `A session in the store` {
  /// T066: one's own only; a foreign one is as unknown as one that never was.
  @Test(arguments: Engine.all)
  func `is ended by its own account, or by whoever names none`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let (bob, other) = try bench.person("bob")
    #expect(try !bench.store.endSession(session.id, of: bob.account.id))
    #expect(try !bench.store.endSession(newSessionID(), of: bob.account.id))
    #expect(try bench.store.accountSession(of: session.id) != nil)
    #expect(try bench.store.endSession(session.id, of: alice.account.id))
    #expect(try !bench.store.endSession(session.id, of: alice.account.id))
    #expect(try bench.store.endSession(other.id, of: nil))
    #expect(try bench.store.accountSession(of: other.id) == nil)
  }

  /// T057: sign out everywhere, then in again.
  @Test(arguments: Engine.all)
  func `ends with the version of its account, and a new one begins with the next`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let (_, other) = try bench.person("bob")
    #expect(try bench.store.revoke(alice.account.id) == 2)
    #expect(try bench.refresh(session, presenting: 1, at: t(60)) == .refused)
    #expect(try bench.start(alice, at: t(60)) == .outdated)
    let current = try #require(try bench.store.credentials(of: alice.account.id))
    #expect(current.account == alice.account.withRaisedVersion)
    #expect(try bench.start(current, at: t(60)) == .started(evicted: []))
    #expect(try bench.store.accountSession(of: other.id) != nil)
  }

  @Test(arguments: Engine.all)
  func `is pruned at its end or when unused, not before`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, first) = try bench.person()
    let second = newSession(of: alice.account, at: t(100))
    _ = try bench.start(alice, second, at: t(100))
    #expect(try bench.store.prune(at: t(200), unusedSince: t(0)) == 0)
    #expect(try bench.store.prune(at: t(200), unusedSince: t(1)) == 1)
    #expect(try bench.store.accountSession(of: first.id) == nil)
    let end = second.expiresAt
    #expect(try bench.store.prune(at: end + -1, unusedSince: t(1)) == 0)
    #expect(try bench.store.prune(at: end, unusedSince: t(1)) == 1)
    #expect(try bench.store.accountSession(of: second.id) == nil)
  }

  /// What a client sent is kept as it was sent.
  @Test(arguments: Engine.all, ["", "'; DROP TABLE session; --", "\u{0}a", "é😀\u{202e}"])
  func `keeps any user agent`(engine: Engine, userAgent: String) throws {
    let bench = try Bench(engine)
    let (alice, _) = try bench.person()
    let session = Session(
      starting: newSessionID(), account: alice.account.id, version: 1, at: t(0),
      lifetime: .seconds(60), address: "", userAgent: userAgent)
    _ = try bench.start(alice, session)
    #expect(try bench.store.accountSession(of: session.id)?.session == session)
  }
}
