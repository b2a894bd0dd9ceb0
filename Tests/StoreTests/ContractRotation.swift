import Accounts
import Testing

/// RFC 9700 §4.14.2; the contract's table.
@Suite struct `A refresh through the store` {
  /// T045.
  @Test(arguments: Engine.all)
  func `rotates once and keeps what it rotated`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let outcome = try bench.refresh(session, presenting: 1, at: t(60))
    let accountSession = try #require(outcome.accountSession)
    #expect(outcome == .granted(.rotate, accountSession))
    #expect(accountSession.account == alice.account)
    #expect(accountSession.session.id == session.id)
    #expect(accountSession.session.generation == 2 && accountSession.session.confirmed == 1)
    #expect(accountSession.session.rotatedAt == t(60) && accountSession.session.issuedAt == t(60))
    #expect(accountSession.session.lastUsedAt == t(60) && accountSession.session.createdAt == t(0))
    #expect(try bench.store.accountSession(of: session.id) == accountSession)
  }

  /// The other tabs of one browser: a new access token, and nothing to write.
  @Test(arguments: Engine.all)
  func `of the live generation a moment later keeps it`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    #expect(try bench.refresh(session, presenting: 2, at: t(65)).rotation == .keep)
    let before = try bench.store.accountSession(of: session.id)
    let outcome = try bench.refresh(session, presenting: 2, at: t(66))
    #expect(outcome.rotation == .keep && outcome.accountSession?.session.confirmed == 2)
    #expect(try bench.store.accountSession(of: session.id) == before)
    #expect(try bench.refresh(session, presenting: 2, at: t(71)).rotation == .rotate)
  }

  /// T047: the answer was lost; whoever retries gets the same successor, however late.
  @Test(arguments: Engine.all, [1, 10, 86_400] as [Int64])
  func `whose answer was lost gives the same successor again`(
    engine: Engine, delay: Int64
  ) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    let lost = try bench.refresh(session, presenting: 1, at: t(60))
    let again = try bench.refresh(session, presenting: 1, at: t(60 + delay))
    #expect(again.rotation == .resend)
    #expect(again.accountSession?.session.generation == 2)
    // The same token byte for byte: its time of issue is the rotation's.
    #expect(again.accountSession?.session.rotatedAt == lost.accountSession?.session.rotatedAt)
    #expect(again.accountSession?.session.issuedAt == t(60 + delay))
  }

  /// T048: another tab presents the one before, inside the window and after it.
  @Test(arguments: Engine.all)
  func `of the generation before is answered inside the window and ends the session after it`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    try bench.store.confirm([(session.id, 2)])
    #expect(try bench.refresh(session, presenting: 1, at: t(70)).rotation == .resend)
    #expect(try bench.refresh(session, presenting: 1, at: t(71)).rotation == .reuse)
    #expect(try bench.refresh(session, presenting: 2, at: t(71)) == .refused)
  }

  /// Two tabs heal a lost answer at once, and the first uses its token before the second comes.
  @Test(arguments: Engine.all)
  func `that heals a lost answer late leaves the window open for another tab`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    let healed = try bench.refresh(session, presenting: 1, at: t(1_000))
    #expect(healed.accountSession?.session.sentAt == t(1_000))
    try bench.store.confirm([(session.id, 2)])
    let other = try bench.refresh(session, presenting: 1, at: t(1_010))
    #expect(other.rotation == .resend && other.accountSession?.session.sentAt == t(1_000))
    #expect(try bench.store.accountSession(of: session.id) == other.accountSession)
    #expect(try bench.refresh(session, presenting: 1, at: t(1_011)).rotation == .reuse)
  }

  @Test(arguments: Engine.all)
  func `without its companion is refused and changes nothing`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    func outcome(issued: NumericDate, isBound: Bool) throws -> RefreshOutcome? {
      try bench.store.refresh([
        Presented(
          session: session.id, account: session.account, version: 1, generation: 9,
          issuedAt: issued, isBound: isBound, at: t(60), reuseWindow: .seconds(10))
      ]).first
    }
    // Not even reuse ends the session of somebody whose cookie was planted.
    #expect(try outcome(issued: session.createdAt, isBound: false) == .refused)
    #expect(try bench.store.accountSession(of: session.id)?.session == session)
    #expect(try outcome(issued: session.createdAt, isBound: true)?.rotation == .reuse)
  }

  /// T046: the successor was confirmed, by its access token or by being presented.
  @Test(arguments: Engine.all, [true, false])
  func `of an old generation ends the session for thief and victim alike`(
    engine: Engine, bySeeing: Bool
  ) throws {
    let bench = try Bench(engine)
    let (alice, session) = try bench.person()
    let (_, other) = try bench.person("bob")
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    if bySeeing {
      try bench.store.confirm([(session.id, 2)])
    } else {
      _ = try bench.refresh(session, presenting: 2, at: t(61))
    }
    let before = try bench.mark()
    let outcome = try bench.refresh(session, presenting: 1, at: t(100))
    #expect(outcome.rotation == .reuse && outcome.accountSession?.account == alice.account)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.mark() != before)
    #expect(try bench.refresh(session, presenting: 2, at: t(100)) == .refused)
    #expect(try bench.store.accountSession(of: other.id) != nil)
  }

  /// T051: detection is from what is stored, not from memory.
  @Test(arguments: Engine.all)
  func `is held to its generation after the store was opened again`(engine: Engine) throws {
    let scratch = try Scratch()
    let session = try {
      let bench = try Bench(engine, in: scratch)
      let (_, session) = try bench.person()
      _ = try bench.refresh(session, presenting: 1, at: t(60))
      try bench.store.confirm([(session.id, 2)])
      return session
    }()
    let again = try Bench(engine, in: scratch)
    #expect(try again.refresh(session, presenting: 1, at: t(80)).rotation == .reuse)
    #expect(try again.store.accountSession(of: session.id) == nil)
  }

  /// T055, T057, T058, T060: refused, and nothing is touched.
  @Test(arguments: Engine.all)
  func `that fits no session, account, version or time is refused and changes nothing`(
    engine: Engine
  ) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    let (bob, _) = try bench.person("bob")
    let before = (try bench.mark(), try bench.store.accountSession(of: session.id))
    func refused(
      _ id: SessionID? = nil, account: AccountID? = nil, version: Int64 = 1, at now: NumericDate
    ) throws -> Bool {
      let presented = Presented(
        session: id ?? session.id, account: account ?? session.account, version: version,
        generation: 1, issuedAt: NumericDate(seconds: 0), isBound: true, at: now,
        reuseWindow: .seconds(10))
      return try bench.store.refresh([presented]) == [.refused]
    }
    #expect(try refused(newSessionID(), at: t(60)))
    #expect(try refused(account: bob.account.id, at: t(60)))
    #expect(try refused(account: newAccountID(), at: t(60)))
    for version in [0, 2, -1, Int64.max, Int64.min] {
      #expect(try refused(version: version, at: t(60)))
    }
    #expect(try refused(at: session.expiresAt))
    #expect(try bench.mark() == before.0)
    #expect(try bench.store.accountSession(of: session.id) == before.1)
    #expect(try !refused(at: t(60)))
  }

  /// T061: the last refresh before the absolute end is granted, the next is not.
  @Test(arguments: Engine.all)
  func `ends with the session, however often it was refreshed`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    let end = session.expiresAt - t(0)
    #expect(try bench.refresh(session, presenting: 1, at: t(end - 60)).rotation == .rotate)
    #expect(try bench.refresh(session, presenting: 2, at: t(end - 1)).rotation == .rotate)
    #expect(try bench.refresh(session, presenting: 3, at: t(end)) == .refused)
  }

  /// T198: backward, nobody is locked out and reuse is still seen.
  @Test(arguments: Engine.all)
  func `with a clock set back a day goes on, and sees reuse as before`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person(at: t(-86_400))
    _ = try bench.refresh(session, presenting: 1, at: t(0))
    #expect(try bench.refresh(session, presenting: 2, at: t(-80_000)).rotation == .rotate)
    #expect(try bench.refresh(session, presenting: 3, at: t(-79_000)).rotation == .rotate)
    #expect(try bench.refresh(session, presenting: 3, at: t(-60_000)).rotation == .resend)
    #expect(try bench.refresh(session, presenting: 1, at: t(-60_000)).rotation == .reuse)
    #expect(try bench.refresh(session, presenting: 4, at: t(-86_000)) == .refused)
  }

  /// A window of zero rotates every time and still heals a lost answer.
  @Test(arguments: Engine.all)
  func `with a window of zero rotates every time`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    for generation in 1...5 as ClosedRange<Int64> {
      let outcome = try bench.refresh(session, presenting: generation, at: t(60), window: .zero)
      #expect(outcome.rotation == .rotate)
    }
    #expect(try bench.refresh(session, presenting: 5, at: t(60), window: .zero).rotation == .resend)
  }

  @Test(arguments: Engine.all)
  func `is confirmed only by an access token of the live generation`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (_, session) = try bench.person()
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    try bench.store.confirm([(session.id, 1), (session.id, 3), (newSessionID(), 2)])
    #expect(try bench.store.accountSession(of: session.id)?.session.confirmed == 1)
    try bench.store.confirm([(newSessionID(), 1), (session.id, 2)])
    #expect(try bench.store.accountSession(of: session.id)?.session.confirmed == 2)
    try bench.store.confirm([(session.id, 1)])
    #expect(try bench.store.accountSession(of: session.id)?.session.confirmed == 2)
  }

  /// T049: fifty requests with one cookie are one step, also where they come as one.
  @Test(arguments: Engine.all)
  func `presented together are decided one after the other`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (alice, bob) = (try bench.person().session, try bench.person("bob").session)
    func presented(_ session: Session, _ generation: Int64) -> Presented {
      Presented(
        session: session.id, account: session.account, version: 1, generation: generation,
        issuedAt: NumericDate(seconds: 0), isBound: true,
        at: t(60), reuseWindow: .seconds(10))
    }
    let together = [presented(alice, 1), presented(bob, 9), presented(bob, 1)]
    let outcomes = try bench.store.refresh(
      together + Array(repeating: presented(alice, 1), count: 50))
    #expect(outcomes.count == 53)
    #expect(outcomes[0].rotation == .rotate)
    // Bob's forged future ends his session, and his own request comes after it.
    #expect(outcomes[1].rotation == .reuse)
    #expect(outcomes[2] == .refused)
    // So does one that would need no write.
    let carol = try bench.person("carol").session
    _ = try bench.refresh(carol, presenting: 1, at: t(58))
    #expect(try bench.refresh(carol, presenting: 2, at: t(59)).rotation == .keep)
    let last = try bench.store.refresh([presented(carol, 9), presented(carol, 2)])
    #expect(last.map(\.rotation) == [.reuse, nil])
    #expect(outcomes[3...].allSatisfy { $0.rotation == .resend })
    #expect(Set(outcomes.compactMap { $0.accountSession?.session.generation }) == [2, 1])
    #expect(try bench.store.accountSession(of: alice.id)?.session.generation == 2)
    #expect(try bench.store.refresh([]).isEmpty)
  }

  /// The sessions of many tokens, read at one moment.
  @Test(arguments: Engine.all)
  func `are read together, those that are there`(engine: Engine) throws {
    let bench = try Bench(engine)
    let people = try (0..<5).map { try bench.person("p\($0)") }
    let unknown = newSessionID()
    let found = try bench.store.accountSessions(of: people.map(\.session.id) + [unknown])
    #expect(found.count == 5 && found[unknown] == nil)
    for (credentials, session) in people {
      #expect(try found[session.id]?.get().session == session)
      #expect(try found[session.id]?.get().account == credentials.account)
    }
    #expect(try bench.store.accountSessions(of: []).isEmpty)
  }
}
