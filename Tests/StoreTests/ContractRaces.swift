import Accounts
import Testing

/// Every read-then-write is one step over all threads and processes.
///
/// RFC 9700 §4.14.2.
@Suite struct `A race in the store` {
  /// T049: two stores on one directory hold separate locks, as two processes do.
  @Test(arguments: Engine.all)
  func `of 50 refreshes with one token takes one step and hands out one successor`(
    engine: Engine
  ) throws {
    let scratch = try Scratch()
    let benches = try (0..<3).map { _ in try Bench(engine, in: scratch) }
    let (_, session) = try benches[0].person()
    for round in 1...8 as ClosedRange<Int64> {
      let outcomes = try concurrently(50) { index in
        try benches[index % 3].refresh(session, presenting: round, at: t(round * 60))
      }
      let sessions = outcomes.compactMap(\.accountSession?.session)
      #expect(outcomes.count { $0.rotation == .rotate } == 1)
      #expect(outcomes.count { $0.rotation == .resend } == 49)
      #expect(Set(sessions.map(\.generation)) == [round + 1])
      #expect(Set(sessions.map(\.rotatedAt)) == [t(round * 60)])
      #expect(try benches[1].store.accountSession(of: session.id)?.session.generation == round + 1)
    }
  }

  /// T053, T054: what has answered holds from then on.
  @Test(arguments: Engine.all, Ending.allCases)
  func `of a refresh with an end of the session leaves nothing to refresh`(
    engine: Engine, ending: Ending
  ) throws {
    let scratch = try Scratch()
    let benches = try (0..<2).map { _ in try Bench(engine, in: scratch) }
    for round in 0..<15 {
      let (alice, session) = try benches[0].person("alice\(round)")
      try concurrently(4) { index in
        if index == 0 {
          try ending.apply(to: alice, session, benches[0])
          #expect(try benches[1].refresh(session, presenting: 1, at: t(60)) == .refused)
          #expect(try benches[1].store.accountSession(of: session.id) == nil)
        } else {
          _ = try benches[index % 2].refresh(session, presenting: 1, at: t(60))
        }
      }
      #expect(try benches[1].store.accountSession(of: session.id) == nil)
    }
  }

  /// T053, T109: who asks after a revocation was acknowledged sees it, whoever else commits.
  @Test(arguments: Engine.all)
  func `of a revocation with other commits never hides the revocation`(engine: Engine) throws {
    let scratch = try Scratch()
    let benches = try (0..<3).map { _ in try Bench(engine, in: scratch) }
    let rounds = 100
    let people = try (0..<4).map { index in
      try (0..<rounds).map { try benches[0].person("p\(index)-\($0)").session }
    }
    let before = try benches[2].mark()
    let marks = try concurrently(4) { (index: Int) throws -> [RevocationMark] in
      var marks: [RevocationMark] = []
      for session in people[index] {
        // Two end sessions, two rotate theirs; each asks another store than the one that wrote.
        guard index < 2 else {
          #expect(
            try benches[index % 2].refresh(session, presenting: 1, at: t(60)).rotation == .rotate)
          continue
        }
        let last = try benches[2].mark()
        #expect(try benches[index].store.endSession(session.id, of: nil))
        marks.append(try benches[2].mark())
        #expect(marks.last != last)
      }
      return marks
    }
    // No mark comes back: each of one thread is its own, and the last is later than all.
    for marks in marks { #expect(Set(marks).count == marks.count && !marks.contains(before)) }
    #expect(try benches[2].mark() == benches[0].mark())
  }

  enum Ending: CaseIterable {
    case logout, revoke, passwordChange, disable, delete

    func apply(to person: Credentials, _ session: Session, _ bench: Bench) throws {
      let id = person.account.id
      switch self {
      case .logout: #expect(try bench.store.endSession(session.id, of: id))
      case .revoke: #expect(try bench.store.revoke(id) == 2)
      case .disable: #expect(try bench.store.setDisabled(true, account: id))
      case .delete: #expect(try bench.store.delete(id))
      case .passwordChange:
        let change = changing(person, at: t(60))
        #expect(try bench.store.changePassword(change, at: t(60)) == .started(evicted: []))
      }
    }
  }

  /// T059: each raise is its own.
  @Test(arguments: Engine.all)
  func `of 20 revocations raises the version 20 times`(engine: Engine) throws {
    let scratch = try Scratch()
    let benches = try (0..<2).map { _ in try Bench(engine, in: scratch) }
    let (alice, _) = try benches[0].person()
    let versions = try concurrently(20) { index in
      try benches[index % 2].store.revoke(alice.account.id)
    }
    #expect(versions.compactMap(\.self).sorted() == Array(2...21))
    #expect(try benches[0].store.credentials(of: alice.account.id)?.account.version == 21)
  }

  /// T067.
  @Test(arguments: Engine.all)
  func `of 50 logins never leaves more sessions than the maximum`(engine: Engine) throws {
    let scratch = try Scratch()
    let benches = try (0..<2).map { _ in try Bench(engine, in: scratch) }
    let (alice, _) = try benches[0].person()
    let evicted = try concurrently(50) { index -> Int in
      guard case .started(let evicted) = try benches[index % 2].start(alice, maximum: 5) else {
        Issue.record("a login was refused")
        return 0
      }
      #expect(try benches[0].store.sessions(of: alice.account.id, at: t(0)).count <= 5)
      return evicted.count
    }
    #expect(evicted.reduce(0, +) == 46)
    #expect(try benches[0].store.sessions(of: alice.account.id, at: t(0)).count == 5)
  }

  /// T134 class: guesses sent at once are counted like guesses sent one after the other.
  @Test(arguments: Engine.all)
  func `of 50 wrong guesses counts no more than the limit before the ban`(
    engine: Engine
  ) throws {
    let scratch = try Scratch()
    let benches = try (0..<2).map { _ in try Bench(engine, in: scratch) }
    let answers = try concurrently(50) { index in
      try benches[index % 2].store.countFailure(
        Attempt(presenting: "alice", from: home), at: t(0))
    }
    #expect(answers.count { $0 == nil } == Int(AttemptLimit.of(.pair).failures))
    #expect(try benches[0].store.bans(at: t(0)).map(\.key.scope) == [.pair])
  }
}
