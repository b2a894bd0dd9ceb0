import Accounts
import Foundation
import Store
import Testing

@Suite struct `A database file` {
  /// T229.
  @Test(arguments: [0o000, 0o022] as [mode_t])
  func `is its owner's alone, whatever the umask`(mask: mode_t) throws {
    let scratch = try Scratch()
    let before = umask(mask)
    defer { umask(before) }
    try SQLiteStore.create(at: scratch.database)
    let bench = try Bench(SQLiteStore(at: scratch.database), in: scratch)
    try bench.person()
    for name in ["", "-wal", "-shm", ".lock"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: scratch.database + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600, "tallystick.db\(name)")
    }
  }

  @Test func `that is missing is not made by a program that serves`() throws {
    let scratch = try Scratch()
    let error = #expect(throws: StoreError.self) { try SQLiteStore(at: scratch.database) }
    #expect(error?.reason.contains("`tallystick init` creates it") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
  }

  @Test(arguments: ["", "-wal", "-journal"])
  func `is never made over what lies there`(suffix: String) throws {
    let scratch = try Scratch()
    try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch.database + suffix))
    #expect(throws: StoreError.unreadable("\(scratch.database)\(suffix) exists already")) {
      try SQLiteStore.create(at: scratch.database)
    }
    #expect(try contents(scratch.database + suffix) == Data("precious".utf8))
  }

  /// T203: whatever the crash left, the next try starts over.
  @Test func `is made complete after a crash at any statement`() throws {
    for cut in 0...Schema.migrations[0].count {
      let scratch = try Scratch()
      let statements = Schema.migrations[0].prefix(cut).joined(separator: ";\n")
      try sql(scratch.database + ".new", "CREATE TABLE scrap (id); \(statements);")
      try Data("torn".utf8).write(to: URL(fileURLWithPath: scratch.database + ".new-journal"))
      #expect(throws: StoreError.self) { try SQLiteStore(at: scratch.database) }
      try SQLiteStore.create(at: scratch.database)
      try Bench(SQLiteStore(at: scratch.database), in: scratch).person()
      #expect(try sql(scratch.database, "PRAGMA integrity_check") == "ok")
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
      #expect(!names.contains { $0.contains(".new") })
    }
  }

  /// T191: damage to one session is that one's alone.
  @Test func `with a damaged row serves the others`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try Bench(SQLiteStore(at: scratch.database), in: scratch)
    let (alice, bob) = (try bench.person().session, try bench.person("bob").session)
    try sql(
      scratch.database,
      "PRAGMA ignore_check_constraints = 1; UPDATE session SET version = 0 WHERE id = '\(alice.id)'"
    )
    let found = try bench.store.accountSessions(of: [alice.id, bob.id])
    #expect(throws: StoreError.self) { try found[alice.id]?.get() }
    #expect(try found[bob.id]?.get().session == bob)
    let outcomes = try bench.store.refresh(
      [alice, bob].map { session in
        Presented(
          session: session.id, account: session.account, version: 1, generation: 1,
          issuedAt: NumericDate(seconds: 0), isBound: true, at: t(60),
          reuseWindow: .seconds(10))
      })
    guard case .failed? = outcomes.first else {
      Issue.record("\(outcomes)")
      return
    }
    #expect(outcomes.last?.rotation == .rotate)
  }

  /// T191: SQLite ends no transaction well that has met a damaged page.
  @Test func `with a damaged page serves the sessions of the others`() throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try Bench(SQLiteStore(at: scratch.database), in: scratch)
    // On two leaves, and so few that neither is full: a row that grows in a full page would be moved
    // to its neighbour, the damaged one.
    let sessions = try (0..<50).map { try bench.person("p\($0)").session }
    try sql(scratch.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    let leaf = try sql(
      scratch.database,
      "SELECT pageno FROM dbstat WHERE name = 'session' AND pagetype = 'leaf' LIMIT 1")
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.database))
    try file.seek(toOffset: (try #require(UInt64(leaf)) - 1) * 4_096)
    try file.write(contentsOf: Data(repeating: 0xa5, count: 4_096))
    try file.close()

    let damaged = try Bench(SQLiteStore(at: scratch.database), in: scratch)
    let found = try damaged.store.accountSessions(of: sessions.map(\.id))
    let good = sessions.filter { session in
      guard case .success(let accountSession)? = found[session.id] else { return false }
      return accountSession.session == session
    }
    #expect(!good.isEmpty && good.count < sessions.count)
    let outcomes = try damaged.store.refresh(
      sessions.map { session in
        Presented(
          session: session.id, account: session.account, version: 1, generation: 1,
          issuedAt: NumericDate(seconds: 0), isBound: true, at: t(60),
          reuseWindow: .seconds(10))
      })
    for (session, outcome) in zip(sessions, outcomes) {
      if good.contains(session) {
        #expect(outcome.rotation == .rotate, "\(outcome)")
      } else if case .failed(.corrupt) = outcome {
        continue
      } else {
        Issue.record("\(outcome)")
      }
    }
  }

  @Test func `of a newer program is left alone`() throws {
    let scratch = try store()
    try sql(scratch.database, "PRAGMA user_version = 99")
    let refusal = StoreError.schema(found: 99, known: known)
    #expect(throws: refusal) { try SQLiteStore(at: scratch.database) }
    #expect(throws: refusal) { try SQLiteStore.migrate(at: scratch.database) }
    try sql(scratch.database, "PRAGMA user_version = \(known)")
    _ = try SQLiteStore(at: scratch.database)
  }

  /// T203: a step is taken whole or not at all, and taken again after a crash.
  @Test func `of an older program is brought up to date by whole steps`() throws {
    let second = ["ALTER TABLE account ADD COLUMN mail TEXT", "CREATE TABLE gift (id INTEGER)"]
    for cut in 0...second.count {
      let scratch = try store()
      let done = second.prefix(cut).joined(separator: "; ")
      let shell = try Shell(scratch.database, "PRAGMA cache_size = 1; BEGIN IMMEDIATE; \(done);")
      shell.kill()
      #expect(
        try sql(scratch.database, "PRAGMA user_version; PRAGMA integrity_check") == "\(known)\nok")

      let broken = Array(second.prefix(cut)) + ["CREATE TABLE account (id)"]
      #expect(throws: StoreError.self) {
        try SQLiteStore.migrate(at: scratch.database, through: Schema.migrations + [broken])
      }
      #expect(try sql(scratch.database, "PRAGMA user_version") == "\(known)")

      let steps = Schema.migrations + [second]
      try SQLiteStore.migrate(at: scratch.database, through: steps)
      try SQLiteStore.migrate(at: scratch.database, through: steps)
      #expect(
        try sql(scratch.database, "PRAGMA user_version; SELECT mail FROM account")
          == "\(known + 1)")
      #expect(throws: StoreError.schema(found: known + 1, known: known)) {
        try SQLiteStore(at: scratch.database)
      }
    }
  }

  /// T204: both ways SQLite itself copies a database give one that serves.
  @Test(arguments: [".backup main '%@'", "VACUUM INTO '%@'"])
  func `that was copied by SQLite serves in its place`(command: String) throws {
    let scratch = try store()
    let copy = scratch.path + "/copy"
    try sql(scratch.database, command.replacingOccurrences(of: "%@", with: copy))
    let bench = try Bench(SQLiteStore(at: copy), in: scratch)
    #expect(try bench.store.credentials(named: #require(Username("alice"))) != nil)
    try bench.person("bob")
    #expect(try sql(copy, "PRAGMA journal_mode; PRAGMA integrity_check") == "wal\nok")
  }

  /// T191.
  @Test(arguments: Damage.allCases)
  func `that is damaged is refused and left as it is`(damage: Damage) throws {
    let scratch = try store()
    try sql(scratch.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    try damage.apply(to: scratch.database)
    let before = try contents(scratch.database)
    let error = #expect(throws: StoreError.self) {
      let store = try SQLiteStore(at: scratch.database)
      _ = try store.credentials(named: #require(Username("alice")))
    }
    guard case .corrupt = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try contents(scratch.database) == before)
  }

  enum Damage: CaseIterable {
    case emptied, text, header, foreign, page, table

    func apply(to path: String) throws {
      let url = URL(fileURLWithPath: path)
      var data = try Data(contentsOf: url)
      switch self {
      case .emptied: data = Data()
      case .text: data = Data("this is a diary, dear reader\n".utf8) + data.dropFirst(29)
      case .header: data.replaceSubrange(0..<16, with: Data(repeating: 0xff, count: 16))
      case .page:
        data.replaceSubrange(
          4_096..<data.count, with: Data(repeating: 0xa5, count: data.count - 4_096))
      case .foreign, .table: break
      }
      try data.write(to: url)
      if self == .foreign { try sql(path, "PRAGMA application_id = 7") }
      if self == .table { try sql(path, "DROP TABLE account") }
    }
  }

  /// T104: what became a response header must not carry a line break into it.
  @Test(arguments: [
    ("account", "username", "char(97, 13, 10, 98)"), ("account", "username", "'Alice'"),
    ("account", "username", "printf('%.4000c', 'a')"), ("account", "groups", "'a,b' || char(10)"),
    ("account", "groups", "'é'"), ("account", "groups", "'a,,b'"), ("account", "id", "'alice'"),
    ("session", "id", "upper(id)"), ("session", "user_agent", "CAST(x'ff' AS TEXT)"),
  ])
  func `with rows that no program of ours writes gives none of them away`(
    table: String, column: String, value: String
  ) throws {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    let bench = try Bench(SQLiteStore(at: scratch.database), in: scratch)
    let (alice, session) = try bench.person()
    try sql(scratch.database, "UPDATE \(table) SET \(column) = \(value)")
    func isRefused<T>(_ read: @autoclosure () throws -> [T]) -> Bool {
      do {
        return try read().isEmpty
      } catch StoreError.corrupt {
        return true
      } catch {
        return false
      }
    }
    #expect(isRefused(try bench.store.accountSession(of: session.id).map { [$0] } ?? []))
    if table == "account" {
      #expect(isRefused(try bench.store.accounts(after: nil, limit: 9)))
      #expect(isRefused(try bench.store.credentials(of: alice.account.id).map { [$0] } ?? []))
    } else {
      #expect(isRefused(try bench.store.sessions(of: alice.account.id, at: t(0))))
    }
  }

  private func store() throws -> Scratch {
    let scratch = try Scratch()
    try SQLiteStore.create(at: scratch.database)
    try Bench(SQLiteStore(at: scratch.database), in: scratch).person()
    return scratch
  }

  private func contents(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
  }
}

/// The schema version that this program knows.
let known = Int64(Schema.migrations.count)
