import Accounts
import Testing

@Suite struct `Signing in through the store` {
  @Test(arguments: Engine.all)
  func `starts a session beside those that there are`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, first) = try bench.person()
    let second = newSession(of: alice.account, at: t(5))
    #expect(try bench.start(alice, second, at: t(5)) == .started(evicted: []))
    #expect(try bench.store.sessions(of: alice.account.id, at: t(6)) == [second, first])
    #expect(try bench.store.credentials(of: alice.account.id) == alice)
  }

  /// T067: the one unused longest goes, never the one that starts.
  @Test(arguments: Engine.all)
  func `over the maximum ends the sessions unused longest`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, first) = try bench.person()
    let second = newSession(of: alice.account, at: t(10))
    let third = newSession(of: alice.account, at: t(20))
    _ = try bench.start(alice, second, maximum: 3, at: t(10))
    _ = try bench.start(alice, third, maximum: 3, at: t(20))
    _ = try bench.refresh(first, presenting: 1, at: t(30))

    let before = try bench.mark()
    // A clock set back makes it look the oldest; it is what the person is waiting for.
    let fourth = newSession(of: alice.account, at: t(-100))
    #expect(
      try bench.start(alice, fourth, maximum: 3, at: t(40)) == .started(evicted: [second.id]))
    #expect(try bench.mark() != before)
    let fifth = newSession(of: alice.account, at: t(50))
    #expect(
      try bench.start(alice, fifth, maximum: 1, at: t(50))
        == .started(evicted: [fourth.id, third.id, first.id]))
    #expect(try bench.store.sessions(of: alice.account.id, at: t(50)) == [fifth])
  }

  /// T067: three logins in one second are still one after the other.
  @Test(arguments: Engine.all)
  func `ends the first of those that began in the same second`(engine: Engine) throws {
    for _ in 0..<8 {
      let bench = try Bench(engine)
      let (alice, first) = try bench.person()
      let second = newSession(of: alice.account, at: t(0))
      let third = newSession(of: alice.account, at: t(0))
      _ = try bench.start(alice, second, maximum: 2, at: t(0))
      #expect(
        try bench.start(alice, third, maximum: 2, at: t(0)) == .started(evicted: [first.id]))
      #expect(try bench.store.sessions(of: alice.account.id, at: t(0)) == [third, second])
    }
  }

  @Test(arguments: Engine.all)
  func `does not count sessions past their end as ended by it`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, first) = try bench.person()
    let later = first.expiresAt
    #expect(try bench.store.sessions(of: alice.account.id, at: later).isEmpty)
    let before = try bench.mark()
    #expect(try bench.start(alice, maximum: 1, at: later) == .started(evicted: []))
    #expect(try bench.mark() == before)
  }

  /// T116: once, after success, and without a new version.
  @Test(arguments: Engine.all)
  func `stores a new hash of the same password`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    #expect(try bench.start(alice, newHash: "stronger") == .started(evicted: []))
    let stored = try #require(try bench.store.credentials(of: alice.account.id))
    #expect(stored.passwordHash == "stronger" && stored.account == alice.account)
    #expect(try bench.store.accountSession(of: session.id) != nil)
    // Another login that read the old hash a moment before: the password was right.
    #expect(try bench.start(alice, newHash: "another") == .started(evicted: []))
    #expect(try bench.store.credentials(of: alice.account.id)?.passwordHash == "stronger")
  }

  @Test(arguments: Engine.all)
  func `starts nothing for an account that changed meanwhile`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, _) = try bench.person()
    let (bob, _) = try bench.person("bob")
    #expect(try bench.start(alice, newSession(of: bob.account, at: t(0))) == .outdated)

    _ = try bench.store.setPasswordHash("another", account: alice.account.id)
    #expect(try bench.start(alice, newHash: "stale") == .outdated)
    #expect(try bench.store.credentials(of: alice.account.id)?.passwordHash == "another")
    #expect(try bench.store.sessions(of: alice.account.id, at: t(0)).isEmpty)

    _ = try bench.store.delete(bob.account.id)
    #expect(try bench.start(bob) == .outdated)
  }

  /// T068.
  @Test(arguments: Engine.all)
  func `with a new password ends every session but the one it starts`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, old) = try bench.person()
    let before = try bench.mark()
    let raised = alice.account.withRaisedVersion
    let fresh = newSession(of: raised, at: t(60))
    let change = changing(alice, fresh, at: t(60))
    #expect(try bench.store.changePassword(change, at: t(60)) == .started(evicted: []))
    #expect(
      try bench.store.credentials(of: alice.account.id)
        == Credentials(account: raised, passwordHash: "new"))
    #expect(try bench.store.sessions(of: alice.account.id, at: t(60)) == [fresh])
    #expect(try bench.store.accountSession(of: old.id) == nil)
    #expect(try bench.mark() != before)

    // The same once more is about a password that is no longer: nothing happens.
    #expect(try bench.store.changePassword(change, at: t(60)) == .outdated)
    #expect(try bench.store.sessions(of: alice.account.id, at: t(60)) == [fresh])
  }

  @Test(arguments: Engine.all)
  func `with a new password needs a session of the version to come`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, old) = try bench.person()
    let change = changing(alice, newSession(of: alice.account, at: t(0)), at: t(0))
    #expect(try bench.store.changePassword(change, at: t(0)) == .outdated)
    #expect(try bench.store.credentials(of: alice.account.id) == alice)
    #expect(try bench.store.accountSession(of: old.id) != nil)
  }
}
