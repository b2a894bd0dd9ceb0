import Accounts
import Testing

@Suite struct `An account in the store` {
  @Test(arguments: Engine.all)
  func `is found by its name and its id, and by no other`(engine: Engine) throws {
    let bench = try Bench(engine)
    let groups = try #require(Group.list("admin,staff"))
    let (alice, session) = try bench.person("alice", groups: groups)
    let (bob, _) = try bench.person("bob")

    #expect(try bench.store.credentials(named: alice.account.username) == alice)
    #expect(try bench.store.credentials(of: bob.account.id) == bob)
    #expect(
      try bench.store.accountSession(of: session.id)
        == AccountSession(session: session, account: alice.account))

    #expect(try bench.store.credentials(named: #require(Username("carol"))) == nil)
    #expect(try bench.store.credentials(of: newAccountID()) == nil)
    #expect(try bench.store.accountSession(of: newSessionID()) == nil)
  }

  @Test(arguments: Engine.all)
  func `is still there when the store is opened again`(engine: Engine) throws {
    let scratch = try Scratch()
    let (alice, session) = try Bench(engine, in: scratch).person("alice")
    let again = try Bench(engine, in: scratch)
    #expect(try again.store.credentials(of: alice.account.id) == alice)
    #expect(try again.store.accountSession(of: session.id)?.session == session)
  }

  /// T136: the name is taken in every case; the session of the loser is not started.
  @Test(arguments: Engine.all)
  func `has a name that nobody else can register`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, _) = try bench.person("alice")
    let thief = Account(
      id: newAccountID(), username: try #require(Username("ALICE")), createdAt: t(1))
    let session = newSession(of: thief, at: t(1))
    #expect(
      try !bench.store.register(
        Credentials(account: thief, passwordHash: "another"), starting: session, network: home))
    #expect(try bench.store.credentials(named: thief.username) == alice)
    #expect(try bench.store.accountSession(of: session.id) == nil)
  }

  /// T135.
  @Test(arguments: Engine.all)
  func `is registered once by 50 who try at once`(engine: Engine) throws {
    let bench = try Bench(engine)
    let name = try #require(Username("alice"))
    let won = try concurrently(50) { index in
      let account = Account(id: newAccountID(), username: name, createdAt: t(0))
      return try bench.store.register(
        Credentials(account: account, passwordHash: "hash \(index)"),
        starting: newSession(of: account, at: t(0)), network: home)
    }
    #expect(won.count { $0 } == 1)
    let winner = try #require(try bench.store.credentials(named: name))
    #expect(winner.passwordHash == "hash \(won.firstIndex(of: true) ?? -1)")
    #expect(try bench.store.sessions(of: winner.account.id, at: t(0)).count == 1)
  }

  @Test(arguments: Engine.all)
  func `is listed after the one before it`(engine: Engine) throws {
    let bench = try Bench(engine)
    for name in ["dora", "alice", "carol", "bob"] { try bench.person(name) }
    let first = try bench.store.accounts(after: nil, limit: 2).map(\.username)
    #expect(first.map(\.text) == ["alice", "bob"])
    #expect(
      try bench.store.accounts(after: first.last, limit: 9).map(\.username.text) == [
        "carol", "dora",
      ])
    #expect(try bench.store.accounts(after: Username("dora"), limit: 9).isEmpty)
  }

  /// T070.
  @Test(arguments: Engine.all)
  func `that is disabled loses its sessions and its version, and may come back`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    #expect(try bench.store.setDisabled(true, account: alice.account.id))
    let disabled = try #require(try bench.store.credentials(of: alice.account.id))
    #expect(disabled.account.isDisabled && disabled.account.version == 2)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.refresh(session, presenting: 1, at: t(1)) == .refused)
    #expect(try bench.start(disabled) == .outdated)

    #expect(try bench.store.setDisabled(false, account: alice.account.id))
    let enabled = try #require(try bench.store.credentials(of: alice.account.id))
    #expect(!enabled.account.isDisabled && enabled.account.version == 2)
    #expect(try bench.start(enabled) == .started(evicted: []))
  }

  @Test(arguments: Engine.all)
  func `that is deleted leaves nothing that a new one of its name could inherit`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    _ = try bench.start(alice, from: home)
    #expect(try bench.store.delete(alice.account.id))
    #expect(try bench.store.credentials(of: alice.account.id) == nil)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.store.sessions(of: alice.account.id, at: t(0)).isEmpty)
    #expect(try !bench.store.delete(alice.account.id))

    try bench.person("alice")
    try banName("alice", in: bench.store, at: t(0))
    let attempt = Attempt(presenting: "alice", from: home)
    #expect(try bench.store.secondsBanned(attempt, at: t(0)) != nil)
  }

  @Test(arguments: Engine.all)
  func `takes groups, a hash and a version, and one that is not there refuses them`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let id = alice.account.id
    let groups = try #require(Group.list("staff"))
    #expect(try bench.store.setGroups(groups, account: id))
    #expect(try bench.store.accountSession(of: session.id)?.account.groups == groups)
    #expect(try bench.store.setPasswordHash("another", account: id))
    #expect(try bench.store.credentials(of: id)?.passwordHash == "another")
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.store.revoke(id) == 3)

    let nobody = newAccountID()
    #expect(try !bench.store.setGroups(groups, account: nobody))
    #expect(try !bench.store.setPasswordHash("another", account: nobody))
    #expect(try !bench.store.setDisabled(true, account: nobody))
    #expect(try bench.store.revoke(nobody) == nil)
  }
}

/// Bans a name by guesses from many networks.
func banName(_ name: String, in store: any AccountStore, at now: NumericDate) throws {
  for guess in 0..<AttemptLimit.of(.name).failures {
    let network = Network(text: "203.0.113.\(guess)")
    _ = try store.countFailure(Attempt(presenting: name, from: network), at: now)
  }
}
