import Accounts
import Foundation
import Store
import Testing

private let hasStrace = FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")

@Suite(.serialized) struct `A crash` {
  /// T186, scaled: two processes under load, killed in the middle, again and again.
  @Test func `loses nothing that was acknowledged`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    for _ in 0..<6 {
      let children = try (0..<2).map { _ in try Child("rotate", on: scratch.database) }
      let lines = Int.random(in: 20...400)
      let acknowledged = try concurrently(2) { index -> [String: Int64] in
        var newest: [String: Int64] = [:]
        var count = 0
        while let line = children[index].next() {
          let parts = line.split(separator: " ")
          newest[String(parts[0])] = Int64(parts[1])
          count += 1
          if count == lines { children[index].kill() }
        }
        #expect(count >= lines)
        return newest
      }
      for child in children { #expect(child.wait() == -SIGKILL) }
      let store = try SQLiteStore(at: scratch.database)
      for (id, generation) in acknowledged.flatMap({ $0 }) {
        let stored = try store.accountSession(of: #require(SessionID(id)))?.session.generation
        // The one step further may have been on its way.
        #expect(stored == generation || stored == generation + 1)
      }
      try Bench(store, in: scratch).person("after\(UUID().uuidString.prefix(8))")
      #expect(try sql(scratch.database, "PRAGMA integrity_check") == "ok")
    }
  }

  /// Not even one of the whole machine: each answer comes after a sync of its own.
  @Test(.enabled(if: hasStrace))
  func `finds every acknowledged write on the disk`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let trace = scratch.path + "/trace"
    let child = try Child(
      "once without checkpoints", on: scratch.database,
      under: ["/usr/bin/strace", "-f", "-o", trace, "-e", "trace=fdatasync,write"])
    while child.next() != nil {}
    #expect(child.wait() == 0)
    var answers = 0
    var isSynchronized = false
    for line in try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n") {
      if line.contains("fdatasync") { isSynchronized = true }
      guard line.contains("child: wrote") else { continue }
      #expect(isSynchronized, "\(line)")
      isSynchronized = false
      answers += 1
    }
    #expect(answers == 6)
  }

  /// T187: the files as they are at some moment, between two checkpoints.
  @Test func `at any moment leaves what was acknowledged until then`() throws {
    try copying(logPages: 1_000_000) { database, copy in
      for suffix in ["", "-wal"] { try run("/bin/cp", database + suffix, copy + suffix) }
    }
  }

  /// T187, T204: a copy under the lock is a copy of one moment, checkpoints or not.
  @Test func `is not needed to copy the files, under the lock`() throws {
    try copying(logPages: 20) { database, copy in
      try run(
        "/usr/bin/flock", database + ".lock", "/bin/sh", "-c",
        "cp \"$0\" \"$1\" && cp \"$0-wal\" \"$1-wal\"", database, copy)
    }
  }

  private func copying(
    logPages: Int, _ copyFiles: @escaping @Sendable (String, String) throws -> Void
  ) throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    var options = StoreOptions()
    options.logPages = logPages
    let bench = try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch)
    let people = try (0..<4).map { try bench.person("p\($0)").session }
    let newest = Shared([Int64](repeating: 1, count: people.count))
    let isOver = Shared(false)
    try concurrently(people.count + 1) { index in
      guard index < people.count else {
        defer { isOver.withLock { $0 = true } }
        for round in 0..<10 {
          let before = newest.withLock { $0 }
          let copy = scratch.path + "/copy\(round)"
          try copyFiles(scratch.database, copy)
          let after = newest.withLock { $0 }
          let store = try SQLiteStore(at: copy)
          for (person, session) in people.enumerated() {
            let stored = try #require(try store.accountSession(of: session.id)).session.generation
            #expect((before[person]...after[person] + 1).contains(stored))
          }
          #expect(try sql(copy, "PRAGMA integrity_check") == "ok")
        }
        return
      }
      var generation: Int64 = 1
      while !isOver.withLock({ $0 }) {
        _ = try bench.refresh(people[index], presenting: generation, at: t(generation * 60))
        generation += 1
        newest.withLock { $0[index] = generation }
      }
    }
  }
}

@Suite struct `A fault of the system` {
  /// T189, by a limit on the size of a file.
  @Test func `as a full disk refuses writes only, and until there is room`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let child = try Child("fill", on: scratch.database)
    #expect(child.next() == "many fit")
    #expect(child.next() == "recovered")
    #expect(child.next() == nil)
    #expect(child.wait() == 0)
    #expect(try sql(scratch.database, "PRAGMA integrity_check") == "ok")
  }

  /// T188: the n-th call of a kind fails, once or from then on, for n = 1, 2, … until none is left.
  @Test(
    .enabled(if: hasStrace),
    arguments: [
      ("fdatasync", "EIO", 1), ("pwrite64", "EIO", 5), ("pwrite64", "ENOSPC", 5),
      ("ftruncate", "EIO", 1),
    ], [false, true])
  func `at any call is an error or a success, never a lie`(
    fault: (call: String, error: String, step: Int), isSticky: Bool
  ) throws {
    for number in stride(from: 1, to: 200, by: fault.step) {
      let scratch = try Scratch()
      try SQLiteStore.create(at: scratch.database)
      let trace = scratch.path + "/trace"
      let when = "when=\(number)" + (isSticky ? "+" : "")
      let child = try Child(
        "once", on: scratch.database,
        under: [
          "/usr/bin/strace", "-f", "-o", trace, "-e", "trace=\(fault.call)",
          "-e", "inject=\(fault.call):error=\(fault.error):\(when)",
        ])
      var lines: [String] = []
      while let line = child.next() { lines.append(line) }
      #expect(child.wait() == 0)
      #expect(["end", "closed"].contains(lines.last))

      // The fault is over: the files are whole, and hold whatever was acknowledged.
      let store = try SQLiteStore(at: scratch.database)
      for line in lines where line.hasPrefix("wrote") {
        let name = try #require(Username(String(line.dropFirst(6))))
        #expect(try store.credentials(named: name) != nil, "\(when): \(lines)")
      }
      if !isSticky { #expect(lines.count { $0.hasPrefix("failed") } <= 1, "\(when): \(lines)") }
      try Bench(store, in: scratch).person("after")
      #expect(try sql(scratch.database, "PRAGMA integrity_check") == "ok")
      guard try String(contentsOfFile: trace, encoding: .utf8).contains("INJECTED") else { return }
    }
    Issue.record("never ran without a fault")
  }

  /// T190: whoever may only read is served, and writes say which file they could not write.
  @Test func `as read-only files serves readers and refuses writers`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let (alice, session) = try Bench(SQLiteStore(at: scratch.database), in: scratch).person()
    for name in ["", "-wal", "-shm", ".lock"] {
      unsafe chmod(scratch.database + name, 0o444)
    }
    unsafe chmod(scratch.path, 0o555)
    defer { unsafe chmod(scratch.path, 0o755) }
    try concurrently(1) { _ in
      // For root, modes mean nothing; for this thread they shall.
      if geteuid() == 0 { asNobody() }
      let store = try SQLiteStore(at: scratch.database)
      #expect(try store.accountSession(of: session.id)?.account == alice.account)
      let error = #expect(throws: StoreError.self) { try store.revoke(alice.account.id) }
      #expect(error?.reason.contains(scratch.database) == true)
      guard case .unreadable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try store.accountSession(of: session.id)?.account == alice.account)
    }
  }

  /// T195, scaled: the log grows while a reader holds an old state, and shrinks afterwards.
  @Test func `as a reader that stays lets the log grow only as long as it stays`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let events = Shared<[StoreEvent]>([])
    var options = StoreOptions()
    options.logPages = 50
    options.observe = { event in events.withLock { $0.append(event) } }
    let bench = try Bench(SQLiteStore(at: scratch.database, options: options), in: scratch)
    let (_, session) = try bench.person()
    var generation: Int64 = 1
    func rotate(_ count: Int) throws {
      for _ in 0..<count {
        _ = try bench.refresh(session, presenting: generation, at: t(generation * 60))
        generation += 1
      }
    }
    func logSize() throws -> Int {
      let path = scratch.database + "-wal"
      return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    }
    try rotate(300)
    let usual = 2 * options.logPages * 4_096
    #expect(try logSize() < usual)
    let shell = try Shell(scratch.database, "BEGIN; SELECT count(*) FROM session;")
    try rotate(400)
    let grown = try logSize()
    #expect(grown > 2 * usual)
    #expect(
      events.withLock { $0.contains { if case .checkpointHeld = $0 { true } else { false } } })
    shell.end()
    try rotate(150)
    #expect(try logSize() <= usual)
    #expect(try bench.store.accountSession(of: session.id)?.session.generation == 851)
  }
}

/// Gives up root's right to ignore file modes, for the calling thread only.
private func asNobody() {
  typealias SetFileSystemUser = @convention(c) (uid_t) -> Int32
  guard let symbol = unsafe dlsym(nil, "setfsuid") else {
    Issue.record("no setfsuid")
    return
  }
  _ = unsafe unsafeBitCast(symbol, to: SetFileSystemUser.self)(65_534)
}
