import Accounts
import Foundation
import Store
import Testing

/// T203: a database that the program of step 1 made.
@Suite struct `A database of step 1` {
  /// Makes one with an account, a session and a counter, by the statements of step 1 alone.
  private func make() throws -> (Scratch, AccountID, SessionID) {
    let scratch = try Scratch()
    let (account, session) = (newAccountID(), newSessionID())
    let statements = Schema.migrations[0].joined(separator: ";\n")
    try sql(
      scratch.database,
      """
      PRAGMA journal_mode = WAL;
      \(statements);
      PRAGMA user_version = 1;
      INSERT INTO account VALUES ('\(account)', 'alice', '', 1, 0, 1700000000, 'hash');
      INSERT INTO session VALUES ('\(session)', '\(account)', 1, 7, 6, 1700000100, 1700000200,
        1700000000, 1700000200, 4000000000, '192.0.2.1', 'Tester', 1);
      INSERT INTO attempt VALUES ('name', 'alice', '', 49, 1700000300, NULL);
      """)
    return (scratch, account, session)
  }

  @Test func `is refused with a line that says what to do, and left as it is`() throws {
    let (scratch, _, _) = try make()
    let error = #expect(throws: StoreError.schema(found: 1, known: known)) {
      try SQLiteStore(at: scratch.database)
    }
    #expect(error?.reason.contains("`tallystick init` brings it up to date") == true)
    #expect(try sql(scratch.database, "PRAGMA user_version") == "1")
  }

  @Test func `is brought up to date: its session was sent when it was issued`() throws {
    let (scratch, account, id) = try make()
    try SQLiteStore.migrate(at: scratch.database)
    let store = try SQLiteStore(at: scratch.database)
    let session = try #require(try store.accountSession(of: id)).session
    #expect(session.account == account && session.generation == 7 && session.confirmed == 6)
    #expect(session.sentAt == NumericDate(seconds: 1_700_000_200))
    #expect(session.sentAt == session.issuedAt)
    #expect(session.expiresAt == NumericDate(seconds: 4_000_000_000))
    #expect(session.userAgent == "Tester")
    // Nothing was lost, and what is written now is written whole.
    try Bench(store, in: scratch).person("bob")
    #expect(
      try sql(scratch.database, "PRAGMA user_version; PRAGMA integrity_check") == "\(known)\nok")
  }

  /// Tokens that were handed out before go on without a companion, and nothing newer does.
  @Test func `binds its sessions from the migration on, to the second`() throws {
    let (scratch, account, id) = try make()
    let before = Int64(Date().timeIntervalSince1970)
    try SQLiteStore.migrate(at: scratch.database)
    let after = Int64(Date().timeIntervalSince1970)
    let store = try SQLiteStore(at: scratch.database)
    let bound = try #require(try store.accountSession(of: id)).session.boundFrom
    #expect((before + 1...after + 1).contains(bound.seconds))
    func rotation(_ generation: Int64, issued: NumericDate) throws -> Rotation? {
      try store.refresh([
        Presented(
          session: id, account: account, version: 1, generation: generation, issuedAt: issued,
          isBound: false, at: bound + 60, reuseWindow: .seconds(10))
      ]).first?.rotation
    }
    #expect(try rotation(7, issued: NumericDate(seconds: 1_700_000_100)) == .rotate)
    #expect(try rotation(8, issued: bound + 60) == nil)
    #expect(try rotation(7, issued: bound + -1) == .resend)
    #expect(try store.accountSession(of: id)?.session.boundFrom == bound)
  }

  @Test func `keeps the wrong guesses that it has counted`() throws {
    let (scratch, _, _) = try make()
    try SQLiteStore.migrate(at: scratch.database)
    let store = try SQLiteStore(at: scratch.database)
    let now = NumericDate(seconds: 1_700_000_400)
    let attempt = Attempt(presenting: "alice", from: elsewhere)
    #expect(try store.countFailure(attempt, at: now) == nil)
    #expect(try store.secondsBanned(attempt, at: now) == 3_600)
  }
}

/// T203: a database that the program of step 3 made gets its table of device tokens.
@Suite struct `A database of step 3` {
  @Test func `keeps what it has, and takes device tokens`() throws {
    let scratch = try Scratch()
    let (account, session) = (newAccountID(), newSessionID())
    let statements = Schema.migrations[..<3].flatMap { $0 }.joined(separator: ";\n")
    try sql(
      scratch.database,
      """
      PRAGMA journal_mode = WAL;
      \(statements);
      PRAGMA user_version = 3;
      INSERT INTO account VALUES ('\(account)', 'alice', 'staff', 3, 0, 1700000000, 'hash');
      INSERT INTO session VALUES ('\(session)', '\(account)', 3, 7, 6, 1700000100, 1700000200,
        1700000000, 1700000200, 4000000000, '192.0.2.1', 'Tester', 1, 1700000200, 1700000000, NULL);
      """)
    #expect(throws: StoreError.schema(found: 3, known: known)) {
      try SQLiteStore(at: scratch.database)
    }
    try SQLiteStore.migrate(at: scratch.database)
    let store = try SQLiteStore(at: scratch.database)
    let found = try #require(try store.accountSession(of: session))
    #expect(found.session.generation == 7 && found.account.version == 3)
    let bench = Bench(store, in: scratch)
    let device = try newDevice(of: found.account)
    #expect(try store.make(device) == .made)
    #expect(try bench.device(device)?.device == device)
    #expect(
      try sql(scratch.database, "PRAGMA user_version; PRAGMA integrity_check") == "\(known)\nok")
  }
}
