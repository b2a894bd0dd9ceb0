import Accounts
import Testing

@Suite struct `A copy of a store` {
  /// Both directions, and within an engine.
  @Test(arguments: Engine.all, Engine.all)
  func `has every account, session, network and counter, in their order`(
    from: Engine, to: Engine
  ) throws {
    let (source, target) = (try Bench(from), try Bench(to))
    let groups = try #require(Group.list("admin,staff"))
    let (alice, first) = try source.person("alice", groups: groups)
    // Of one second: only the order of insertion tells them apart.
    let others = try (0..<3).map { _ in
      let session = newSession(of: alice.account, at: t(0))
      _ = try source.start(alice, session, from: elsewhere, at: t(0))
      return session
    }
    _ = try source.refresh(first, presenting: 1, at: t(60))
    try source.person("bob")
    let (carol, _) = try source.person("carol")
    _ = try source.store.setDisabled(true, account: carol.account.id)
    try banName("nobody", in: source.store, at: t(0))

    let counts = try copyStore(from: source.store, to: target.store)
    #expect(counts.accounts == 3 && counts.sessions == 5 && counts.knownNetworks == 1)
    #expect(counts.counters == 101)
    #expect(
      try target.store.sessions(of: alice.account.id, at: t(60))
        == others.reversed() + [try #require(try source.store.accountSession(of: first.id)).session]
    )
    #expect(try target.store.bans(at: t(60)) == source.store.bans(at: t(60)))
    // Nobody is signed out, and the next step is the next step.
    #expect(try target.refresh(first, presenting: 2, at: t(120)).rotation == .rotate)
    #expect(try target.refresh(first, presenting: 1, at: t(240)) != .refused)
  }

  @Test(arguments: Engine.all)
  func `is made only in an empty store`(engine: Engine) throws {
    let (source, target) = (try Bench(engine), try Bench(engine))
    try source.person("alice")
    let (bob, _) = try target.person("bob")
    #expect(throws: CopyError.targetIsNotEmpty) {
      try copyStore(from: source.store, to: target.store)
    }
    #expect(try target.store.accounts(after: nil, limit: 9) == [bob.account])
  }
}
