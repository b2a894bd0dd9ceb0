import Accounts
import Foundation
import Store
import Testing

/// SQLite goes on with the files that it has opened, so we must look at them.
@Suite struct `Files that somebody changes under running programs` {
  /// T191, T204: `cp` of a backup keeps the file, and so its identity.
  @Test(arguments: [true, false])
  func `are not read or written once the database is overwritten`(isLogDeleted: Bool) throws {
    let (scratch, bench) = try bench()
    let (alice, session) = try bench.person()
    let copy = scratch.path + "/copy"
    try sql(scratch.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    try run("/bin/cp", scratch.database, copy)
    for index in 0..<20 { try bench.person("p\(index)") }
    #expect(try bench.store.revoke(alice.account.id) == 2)
    _ = try bench.mark()

    // The last commit may have a checkpoint to make, whose caller does not wait for it.
    let probe = FlockProbe(scratch.database + ".lock")
    probe.take()
    probe.giveBack()
    try run("/bin/cp", copy, scratch.database)
    if isLogDeleted { try run("/bin/rm", scratch.database + "-wal", scratch.database + "-shm") }
    let before = try run("/usr/bin/sha256sum", scratch.database)
    for _ in 0..<3 {
      try expectRefusal("was ") { try bench.mark() }
      try expectRefusal("was ") { try bench.store.accountSession(of: session.id) }
      try expectRefusal("was ") { try bench.store.endSession(session.id, of: nil) }
    }
    #expect(try run("/usr/bin/sha256sum", scratch.database) == before, "nothing is copied into it")
    // One that starts beside it sees the same.
    guard !isLogDeleted else { return }
    try expectRefusal("was overwritten") { try SQLiteStore(at: scratch.database) }
  }

  /// The last one that has a deleted log open would take it with it.
  @Test(arguments: [["-wal"], ["-shm"], ["-wal", "-shm"]])
  func `are put back with all that they held, and programs go on`(deleted: [String]) throws {
    let (scratch, bench) = try bench(logPages: 1_000)
    let people = try (0..<20).map { try bench.person("p\($0)").session }
    _ = try bench.mark()
    try sql(scratch.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    let (alice, session) = try bench.person()
    #expect(try bench.store.endSession(people[0].id, of: nil))
    for suffix in deleted { try run("/bin/rm", scratch.database + suffix) }

    try expectRefusal("was deleted while programs run") { try bench.mark() }
    try waitUntil { (try? bench.mark()) != nil }
    #expect(try bench.store.accountSession(of: session.id)?.account == alice.account)
    #expect(try bench.store.accountSession(of: people[0].id) == nil)
    try bench.person("bob")
    // From outside, without our open files.
    #expect(
      try sql(
        scratch.database,
        "PRAGMA integrity_check; SELECT count(*) FROM account; SELECT count(*) FROM session")
        == "ok\n22\n21")
  }

  /// The same for whoever notices first: each may be the only one who is asked.
  @Test(arguments: ["mark", "read", "write"])
  func `are put back by whatever is asked next`(way: String) throws {
    let (scratch, bench) = try bench(logPages: 1_000)
    let (_, session) = try bench.person()
    _ = try bench.mark()
    try run("/bin/rm", scratch.database + "-wal")
    func ask() throws {
      switch way {
      case "mark": _ = try bench.mark()
      case "read": _ = try bench.store.accountSession(of: session.id)
      default: _ = try bench.store.endSession(session.id, of: nil)
      }
    }
    try expectRefusal("was deleted while programs run") { try ask() }
    try waitUntil { (try? ask()) != nil }
    #expect(try sql(scratch.database, "SELECT count(*) FROM account") == "1")
  }

  /// A new log beside the index of the old one would be written where the old one ends.
  @Test(arguments: [["-wal"], ["-shm"], ["-wal", "-shm"]])
  func `are not made anew by a program that starts`(deleted: [String]) throws {
    let (scratch, bench) = try bench(logPages: 1_000)
    try bench.person("alice")
    for suffix in deleted { try run("/bin/rm", scratch.database + suffix) }
    let child = try Child("once", on: scratch.database)
    #expect(child.next() == "closed")
    #expect(child.next() == nil && child.wait() == 0)
    for suffix in deleted {
      #expect(!FileManager.default.fileExists(atPath: scratch.database + suffix))
    }
    try expectRefusal("was deleted while programs run") { try bench.mark() }
    let next = try Child("once", on: scratch.database)
    #expect(next.next() == "wrote p0")
    while next.next() != nil {}
    #expect(next.wait() == 0)
    #expect(try sql(scratch.database, "SELECT count(*) FROM account") == "7")
  }

  /// Whatever is deleted and whenever: who was told that it is written finds it.
  @Test func `cost no acknowledged write, however many programs write`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let children = try (0..<3).map { _ in try Child("register", on: scratch.database) }
    let names = Shared<[String]>([])
    let refusals = Shared(0)
    let deleted = [["-wal"], ["-shm"], ["-wal", "-shm"]]
    try concurrently(children.count) { index in
      var count = 0
      while let line = children[index].next() {
        if line == "refused" {
          refusals.withLock { $0 += 1 }
          continue
        }
        names.withLock { $0.append(line) }
        count += 1
        guard count % 40 == 20, index == 0 else { continue }
        for suffix in deleted[count / 40 % 3] {
          try? FileManager.default.removeItem(atPath: scratch.database + suffix)
        }
      }
    }
    for child in children { #expect(child.wait() == 0) }
    #expect(names.withLock { $0.count } == 360)
    #expect(refusals.withLock { $0 } > 0)
    #expect(
      try sql(scratch.database, "PRAGMA integrity_check; SELECT count(*) FROM account")
        == "ok\n360")
  }

  /// No alarm without a reason: what an administrator does to a database, beside programs that
  /// write, copy their log, start and end.
  @Test func `raise no alarm when SQLite or a backup does it`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let database = scratch.database
    let children = try (0..<3).map { _ in try Child("serve", on: database) }
    let isOver = Shared(false)
    let results = try concurrently(children.count + 1) { index -> [String] in
      if index < children.count {
        var lines: [String] = []
        while let line = children[index].next() { lines.append(line) }
        if index == 0 { isOver.withLock { $0 = true } }
        return lines
      }
      var rounds = 0
      while !isOver.withLock({ $0 }) || rounds == 0 {
        for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
          try sql(database, "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(\(mode))")
        }
        // It may come too late for the lock.
        for change in ["VACUUM", "UPDATE revocation SET count = count + 1"] {
          _ = try? sql(database, "PRAGMA busy_timeout = 5000; \(change)")
        }
        _ = try? sql(database, ".backup main '\(scratch.path)/shell'")
        try SQLiteStore.backUp(database, to: scratch.path + "/ours", with: [])
        try run("/bin/cp", database, scratch.path + "/bytes")
        try run("/bin/chmod", "0600", database, database + "-wal", database + "-shm")
        let starter = try Child("open", on: database)
        let line = starter.next()
        if line != "opened" || starter.wait() != 0 { return [line ?? "it does not start"] }
        rounds += 1
      }
      return []
    }
    for lines in results.dropLast() { #expect(lines == ["served"]) }
    #expect(results.last == [])
    for child in children { #expect(child.wait() == 0) }
    #expect(try sql(database, "PRAGMA integrity_check") == "ok")
  }

  /// The last connection of the shell deletes log and index, which is how SQLite wants it.
  @Test func `are found missing by programs that start together, which make them`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    try Bench(SQLiteStore(at: scratch.database), in: scratch).person()
    for _ in 0..<5 {
      try sql(scratch.database, "SELECT count(*) FROM account")
      #expect(!FileManager.default.fileExists(atPath: scratch.database + "-wal"))
      let children = try (0..<4).map { _ in try Child("open", on: scratch.database) }
      for child in children {
        #expect(child.next() == "opened")
        #expect(child.next() == nil && child.wait() == 0)
      }
    }
  }

  private func bench(logPages: Int = 4) throws -> (Scratch, Bench) {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    var options = StoreOptions()
    options.logPages = logPages
    return (scratch, try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch))
  }

  private func expectRefusal<T>(_ words: String, _ body: () throws -> T) throws {
    do {
      _ = try body()
      Issue.record("it was not refused")
    } catch StoreError.unreadable(let what) {
      #expect(what.contains(words))
    }
  }

  private func waitUntil(_ isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(30)
    while try !isSo() {
      try #require(ContinuousClock.now < end, "it goes on being refused")
      sched_yield()
    }
  }
}

/// SQLite deletes the log of an empty file.
@Suite struct `A database file that was emptied` {
  /// T191.
  @Test(arguments: ["open", "migrate", "back up", "restore over"])
  func `is refused, and its log stays`(way: String) throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    try Bench(SQLiteStore(at: scratch.database), in: scratch).person()
    let saved = scratch.path + "/saved"
    try run("/bin/cp", scratch.database, saved)
    let log = try run("/usr/bin/sha256sum", scratch.database + "-wal")
    try run("/usr/bin/truncate", "-s", "0", scratch.database)
    let error = #expect(throws: StoreError.self) {
      switch way {
      case "open": _ = try SQLiteStore(at: scratch.database)
      case "migrate": try SQLiteStore.migrate(at: scratch.database)
      case "back up":
        try SQLiteStore.backUp(scratch.database, to: scratch.path + "/backup", with: [])
      default:
        _ = try SQLiteStore.restore(scratch.path + "/none", at: scratch.database)
      }
    }
    if way != "restore over" {
      #expect(error == .corrupt("\(scratch.database) is no tallystick database"))
    }
    #expect(try run("/usr/bin/sha256sum", scratch.database + "-wal") == log)
    // With its first pages it is whole again.
    try run("/bin/cp", saved, scratch.database)
    let store = try SQLiteStore(at: scratch.database)
    #expect(try store.credentials(named: #require(Username("alice"))) != nil)
  }
}
