import Accounts
import Foundation
import Store
import Testing

@Suite struct `Jobs that share a transaction` {
  /// Starts writers while the lock is held elsewhere, so that they all wait, and lets them go.
  private func together<T: Sendable>(
    _ count: Int, on store: SQLiteStore, _ database: String,
    _ body: @escaping @Sendable (Int) throws -> T
  ) throws -> [Result<T, any Error>] {
    let probe = FlockProbe(database + ".lock")
    probe.take()
    return try concurrently(count + 1) { index -> Result<T, any Error>? in
      guard index == count else { return Result { try body(index) } }
      while store.waitingWriters < count { sched_yield() }
      probe.giveBack()
      return nil
    }.compactMap(\.self)
  }

  private func make(_ options: StoreOptions) throws -> (Bench, SQLiteStore, String) {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let store = try SQLiteStore(at: scratch.database, options: options)
    return (Bench(store, in: scratch), store, scratch.database)
  }

  @Test(arguments: [(256, 1), (8, 5), (1, 40)])
  func `are as many as are allowed, and all are answered`(batch: Int, commits: Int) throws {
    let sizes = Shared<[Int]>([])
    var options = StoreOptions()
    options.batch = batch
    options.observe = { event in
      guard case .committed(let jobs) = event else { return }
      sizes.withLock { $0.append(jobs) }
    }
    let (bench, store, database) = try make(options)
    let answers = try together(40, on: store, database) { index in
      try bench.person("p\(index)")
    }
    for answer in answers { _ = try answer.get() }
    #expect(sizes.withLock { $0 }.reduce(0, +) == 40)
    #expect(sizes.withLock { $0 }.count == commits)
    #expect(try store.accounts(after: nil, limit: 100).count == 40)
  }

  /// An account, its session and its network are written together or not at all.
  @Test func `fail one by one, and each leaves nothing`() throws {
    let (bench, store, database) = try make(StoreOptions())
    try sql(
      database,
      """
      CREATE TRIGGER fail BEFORE INSERT ON known_network WHEN NEW.network = '192.0.2.1'
      BEGIN SELECT RAISE(ABORT, 'no'); END
      """)
    let accounts = try (0..<20).map { index in
      Account(
        id: newAccountID(), username: try #require(Username("p\(index)")), createdAt: t(0))
    }
    let answers = try together(20, on: store, database) { index in
      try bench.store.register(
        Credentials(account: accounts[index], passwordHash: "hash"),
        starting: newSession(of: accounts[index], at: t(0)),
        network: index % 3 == 0 ? home : elsewhere)
    }
    for (index, answer) in answers.enumerated() {
      let isThere = try bench.store.credentials(of: accounts[index].id) != nil
      let sessions = try bench.store.sessions(of: accounts[index].id, at: t(0))
      switch answer {
      case .success: #expect(index % 3 != 0 && isThere && sessions.count == 1)
      case .failure: #expect(index % 3 == 0 && !isThere && sessions.isEmpty)
      }
    }
  }

  /// Each transaction of one caller stands alone too: the failure of one undoes that one.
  @Test func `of one caller fail one by one, and each leaves nothing`() throws {
    let (bench, store, _) = try make(StoreOptions())
    let sessions = try (0..<20).map { try bench.person("p\($0)").session }
    let results = store.writeEach(Array(sessions.enumerated())) {
      rows, item throws(StoreError) -> Int in
      _ = try rows.delete(item.element.id)
      if item.offset % 3 == 0 { throw .full }
      return item.offset
    }
    for (index, result) in results.enumerated() {
      let isThere = try store.accountSession(of: sessions[index].id) != nil
      #expect(result == (index % 3 == 0 ? .failure(.full) : .success(index)))
      #expect(isThere == (index % 3 == 0))
    }
    #expect(throws: StoreError.full) {
      try store.write { rows throws(StoreError) -> Void in
        _ = try rows.delete(sessions[0].id)
        throw .full
      }
    }
    #expect(try store.accountSession(of: sessions[0].id) != nil)
  }

  /// Many tokens of one caller share one sync, and those that need no write start no transaction.
  @Test func `of one caller are committed once, and not at all where nothing is to be written`()
    throws
  {
    let events = Shared<[StoreEvent]>([])
    var options = StoreOptions()
    options.observe = { event in events.withLock { $0.append(event) } }
    let (bench, store, _) = try make(options)
    let sessions = try (0..<20).map { try bench.person("p\($0)").session }
    func presented(_ generation: Int64, at now: NumericDate) -> [Presented] {
      sessions.map { session in
        Presented(
          session: session.id, account: session.account, version: 1, generation: generation,
          issuedAt: NumericDate(seconds: 0), isBound: true,
          at: now, reuseWindow: .seconds(10))
      }
    }
    events.withLock { $0 = [] }
    #expect(try store.refresh(presented(1, at: t(60))).allSatisfy { $0.rotation == .rotate })
    #expect(events.withLock { $0 } == [.began, .committed(jobs: 1)])
    _ = try store.refresh(presented(2, at: t(61)))
    events.withLock { $0 = [] }
    #expect(try store.refresh(presented(2, at: t(62))).allSatisfy { $0.rotation == .keep })
    #expect(
      try store.refresh(presented(2, at: sessions[0].expiresAt)).allSatisfy { $0 == .refused })
    #expect(events.withLock { $0 }.isEmpty)
  }

  @Test func `all fail when the commit does, and none is written`() throws {
    let (bench, store, database) = try make(StoreOptions())
    // A deferred constraint is only looked at by COMMIT.
    try sql(
      database,
      """
      CREATE TABLE trap (account TEXT REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED);
      CREATE TRIGGER spring AFTER INSERT ON account WHEN NEW.username = 'p7'
      BEGIN INSERT INTO trap VALUES ('nobody'); END
      """)
    let before = try store.revocationMark()
    let answers = try together(10, on: store, database) { index in
      try bench.person("p\(index)")
    }
    for answer in answers {
      #expect(throws: StoreError.self) { try answer.get() }
    }
    #expect(try store.accounts(after: nil, limit: 100).isEmpty)
    #expect(try store.revocationMark() == before)
    try sql(database, "DROP TRIGGER spring")
    try bench.person("p7")
  }
}
