import Accounts
import Foundation
import Store
import Testing

/// SQLite before 3.51.3 needs the lock so that no checkpoint races a commit, and it queues the
/// writers.
@Suite struct `The write lock` {
  /// T196: seen from a descriptor of another process's kind, at each step of each writer.
  @Test func `is held in every transaction and every checkpoint of every process`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let seen = Shared((steps: 0, checkpoints: 0, unlocked: 0))
    let benches = try (0..<3).map { _ in
      var options = StoreOptions()
      options.logPages = 20
      let probe = FlockProbe(scratch.database + ".lock")
      options.observe = { event in
        let isFree = probe.isFree
        seen.withLock { seen in
          seen.steps += 1
          if case .checkpointed = event { seen.checkpoints += 1 }
          if isFree { seen.unlocked += 1 }
        }
      }
      return try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch)
    }
    let people = try (0..<12).map { try benches[0].person("p\($0)").session }
    try concurrently(12) { index in
      for generation in 1...30 as ClosedRange<Int64> {
        let now = t(generation * 60)
        _ = try benches[index % 3].refresh(people[index], presenting: generation, at: now)
      }
    }
    let result = seen.withLock { $0 }
    #expect(result.unlocked == 0)
    #expect(result.steps > 100 && result.checkpoints > 2)
    // It comes back: this would wait forever.
    FlockProbe(scratch.database + ".lock").take()
    #expect(try sql(scratch.database, "PRAGMA integrity_check") == "ok")
  }

  /// T194, scaled: distinct sessions, several processes, and nobody is told to come back.
  @Test(arguments: [1, 256])
  func `keeps busy away from every caller`(batch: Int) throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let benches = try (0..<4).map { _ in
      var options = StoreOptions()
      options.batch = batch
      options.logPages = 50
      return try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch)
    }
    let people = try (0..<16).map { try benches[0].person("p\($0)").session }
    try concurrently(16) { index in
      for generation in 1...60 as ClosedRange<Int64> {
        let outcome = try benches[index % 4].refresh(
          people[index], presenting: generation, at: t(generation * 60))
        #expect(outcome.rotation == .rotate)
      }
    }
    for session in people {
      #expect(try benches[3].store.accountSession(of: session.id)?.session.generation == 61)
    }
  }

  /// Who is told `busy` was not written, not even later.
  @Test func `held elsewhere makes writers give up in time, and readers not wait`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try bench(scratch, patience: .milliseconds(200))
    let patient = try self.bench(scratch)
    let (_, session) = try patient.person()
    let probe = FlockProbe(scratch.database + ".lock")
    probe.take()
    let start = ContinuousClock.now
    #expect(try bench.refresh(session, presenting: 1, at: t(60)) == .failed(.busy))
    let took = ContinuousClock.now - start
    #expect(throws: StoreError.busy) { try bench.store.endSession(session.id, of: nil) }
    #expect(took >= .milliseconds(200) && took < .seconds(5))
    #expect(try bench.store.accountSession(of: session.id)?.session == session)
    probe.giveBack()
    #expect(try patient.refresh(session, presenting: 1, at: t(100)).rotation == .rotate)
    #expect(try bench.store.accountSession(of: session.id)?.session.generation == 2)
  }

  /// T193: who needs nothing written is answered, whoever writes.
  @Test func `held elsewhere fails only those whose answer must be written`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try bench(scratch, patience: .milliseconds(50))
    let patient = try self.bench(scratch)
    let (alice, bob) = (try patient.person().session, try patient.person("bob").session)
    _ = try patient.refresh(bob, presenting: 1, at: t(58))
    _ = try patient.refresh(bob, presenting: 2, at: t(59))
    let probe = FlockProbe(scratch.database + ".lock")
    probe.take()
    let outcomes = try bench.store.refresh(
      [(alice.id, alice, 1), (bob.id, bob, 2), (newSessionID(), bob, 1)].map {
        id, session, number in
        Presented(
          session: id, account: session.account, version: 1, generation: number,
          issuedAt: NumericDate(seconds: 0), isBound: true, at: t(60),
          reuseWindow: .seconds(10))
      })
    #expect(outcomes.count == 3)
    #expect(outcomes[0] == .failed(.busy))
    #expect(outcomes[1].rotation == .keep)
    #expect(outcomes[2] == .refused)
    probe.giveBack()
    #expect(try bench.store.accountSession(of: alice.id)?.session == alice)
  }

  @Test func `that somebody deletes is taken where the next process finds it`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try bench(scratch, patience: .milliseconds(200))
    let patient = try self.bench(scratch)
    try patient.person("alice")
    try FileManager.default.removeItem(atPath: scratch.database + ".lock")
    try patient.person("bob")
    let probe = FlockProbe(scratch.database + ".lock")
    probe.take()
    #expect(throws: StoreError.busy) { try bench.person("carol") }
    probe.giveBack()
  }

  /// T193: a writer that does not know the lock.
  @Test func `and a shell that holds the database make writers wait, then give up`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try bench(scratch, patience: .milliseconds(300))
    let patient = try self.bench(scratch)
    let (alice, session) = try patient.person()
    let shell = try Shell(scratch.database, "BEGIN EXCLUSIVE;")
    #expect(throws: StoreError.busy) { try bench.store.revoke(alice.account.id) }
    #expect(try bench.store.accountSession(of: session.id)?.account == alice.account)
    shell.end()
    #expect(try patient.store.revoke(alice.account.id) == 2)

    let other = try Shell(scratch.database, "BEGIN EXCLUSIVE;")
    let waiting = try concurrently(2) { index -> Int64? in
      if index == 0 { return try patient.store.revoke(alice.account.id) }
      while (patient.store as? SQLiteStore)?.waitingWriters == 0 { sched_yield() }
      other.end()
      return nil
    }
    #expect(waiting == [3, nil])
  }

  /// Which waits long where what is tested is not the waiting.
  private func bench(_ scratch: Scratch, patience: Duration = .seconds(60)) throws -> Bench {
    var options = StoreOptions()
    options.patience = patience
    return try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch)
  }
}

/// The lock file through an open of its own, as another process has it.
final class FlockProbe: Sendable {
  private let descriptor: Int32

  init(_ path: String) {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  }

  deinit {
    close(descriptor)
  }

  var isFree: Bool {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
    flock(descriptor, LOCK_UN)
    return true
  }

  func take() { flock(descriptor, LOCK_EX) }
  func giveBack() { flock(descriptor, LOCK_UN) }
}
