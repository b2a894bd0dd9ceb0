import Accounts
import Testing

@Suite struct `One-time codes in the store` {
  private func code(
    _ name: String = "digest", for session: Session, site: String = "https://app.test",
    state: String = "state"
  ) -> Handover {
    Handover(code: name, for: session, site: site, state: state, at: t(0))
  }

  private func spend(
    _ bench: Bench, _ name: String = "digest", at site: String = "https://app.test",
    state: String? = "state", now: NumericDate = t(1)
  ) throws -> HandoverOutcome {
    try bench.store.spend(name, at: site, state: state, now: now)
  }

  @Test(arguments: Engine.all)
  func `lead to the session that they were issued for, once`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    try bench.store.issue(code(for: session), at: t(0))
    let found = AccountSession(session: session, account: alice.account)
    #expect(try spend(bench) == .accepted(found))
    #expect(try spend(bench) == .refused(.unknown))
  }

  /// peers-2026: a failed exchange ends the attempt.
  @Test(arguments: Engine.all)
  func `are spent by their first presentation, right or wrong`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    try bench.store.issue(code("a", for: session), at: t(0))
    try bench.store.issue(code("b", for: session), at: t(0))
    try bench.store.issue(code("c", for: session), at: t(0))
    #expect(try spend(bench, "a", at: "https://other.test") == .refused(.otherSite))
    #expect(try spend(bench, "b", state: "another") == .refused(.otherState))
    #expect(try spend(bench, "c", state: nil) == .refused(.noState))
    for name in ["a", "b", "c"] { #expect(try spend(bench, name) == .refused(.unknown)) }
  }

  @Test(arguments: Engine.all)
  func `count for a minute`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    try bench.store.issue(code("a", for: session), at: t(0))
    try bench.store.issue(code("b", for: session), at: t(0))
    let found = AccountSession(session: session, account: alice.account)
    #expect(try spend(bench, "a", now: t(60)) == .accepted(found))
    #expect(try spend(bench, "b", now: t(61)) == .refused(.expired))
  }

  @Test(arguments: Engine.all)
  func `count only while their session lives and the version is the same`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, ended) = try bench.person("alice")
    let (bob, revoked) = try bench.person("bob")
    let (carol, disabled) = try bench.person("carol")
    for (name, session) in [("a", ended), ("b", revoked), ("c", disabled)] {
      try bench.store.issue(code(name, for: session), at: t(0))
    }
    #expect(try bench.store.endSession(ended.id, of: nil))
    _ = try bench.store.revoke(bob.account.id)
    _ = try bench.store.setDisabled(true, account: carol.account.id)
    for name in ["a", "b", "c"] { #expect(try spend(bench, name) == .refused(.sessionEnded)) }
  }

  /// One wins, however many present it at once.
  @Test(arguments: Engine.all)
  func `are spent once by fifty at the same moment`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    try bench.store.issue(code(for: session), at: t(0))
    let outcomes = try concurrently(50) { _ in try spend(bench) }
    #expect(outcomes.filter { if case .accepted = $0 { true } else { false } }.count == 1)
    #expect(outcomes.filter { $0 == .refused(.unknown) }.count == 49)
  }

  @Test(arguments: Engine.all)
  func `that nobody presents are deleted with the next one`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    try bench.store.issue(code("old", for: session), at: t(0))
    try bench.store.issue(code("new", for: session), at: t(61))
    #expect(try spend(bench, "old", now: t(30)) == .refused(.unknown))
  }
}

@Suite struct `A session on a shared computer` {
  private func shared(_ account: Account, at now: NumericDate) -> Session {
    Session(
      starting: newSessionID(), account: account.id, version: account.version, at: now,
      lifetime: .seconds(90 * 86_400), sharedLifetime: .seconds(900), address: "", userAgent: "")
  }

  @Test(arguments: Engine.all)
  func `ends a while after its last refresh`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, _) = try bench.person()
    let session = shared(alice.account, at: t(0))
    _ = try bench.start(alice, session, at: t(0))
    #expect(try bench.store.accountSession(of: session.id)?.session == session)
    #expect(try bench.refresh(session, presenting: 1, at: t(899)).rotation == .rotate)
    #expect(try bench.store.sessions(of: alice.account.id, at: t(1_798)).count == 2)
    #expect(try bench.refresh(session, presenting: 2, at: t(1_798)).rotation == .rotate)
    #expect(try bench.store.sessions(of: alice.account.id, at: t(2_698)).count == 1)
    #expect(try bench.refresh(session, presenting: 3, at: t(2_698)) == .refused)
  }

  @Test(arguments: Engine.all)
  func `is pruned when it has ended`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, other) = try bench.person()
    let session = shared(alice.account, at: t(0))
    _ = try bench.start(alice, session, at: t(0))
    #expect(try bench.store.prune(at: t(899), unusedSince: t(-1)) == 0)
    #expect(try bench.store.prune(at: t(900), unusedSince: t(-1)) == 1)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.store.accountSession(of: other.id) != nil)
  }
}
