import Accounts
import CSQLite
import Glibc
import Threads

/// A database connection as every one of ours is set up, with its prepared statements.
///
/// Each statement is a Swift function in an extension, with its SQL where it is used.
final class Connection: @unchecked Sendable {
  // Sendable: the pool and the committer hand a connection to one thread at a time, which is what
  // SQLite asks for when it is opened without its own locks.

  enum Role {
    /// Cannot write, whatever it is asked.
    case reader
    case writer
  }

  let database: Database
  /// By the address of the SQL literal, which is unique to its text.
  private var statements: [UInt: Statement] = [:]

  /// Opens a database that this program knows.
  ///
  /// - Parameters:
  ///   - path: The database file.
  ///   - role: What it is for.
  ///   - patience: How long a statement waits for another process's lock.
  ///   - isLocked: Whether the caller holds the write lock.
  ///   - ticket: What the connection keeps as long as it is open.
  /// - Throws: `unreadable`, `corrupt`, or `schema` for a newer or an older one.
  init(
    at path: String, as role: Role, patience: Duration, isLocked: Bool = false,
    ticket: OpenFiles.Ticket? = nil
  ) throws(StoreError) {
    database = try Database(at: path, patience: patience, ticket: ticket)
    try requireLog(of: path, isLocked: isLocked) { () throws(StoreError) in
      try harden()
      try Schema.admit(self, at: path)
    }
    // The kernel keeps the file's pages anyway; 512 KiB hold the upper levels of large trees.
    if role == .reader { try database.execute("PRAGMA query_only = ON; PRAGMA cache_size = -512") }
  }

  /// Opens a database of whatever version, for the one who migrates it under the write lock, or
  /// who knows that nobody else has it open.
  init(migrating path: String, patience: Duration) throws(StoreError) {
    database = try Database(at: path, patience: patience)
    try requireLog(of: path, isLocked: true) { () throws(StoreError) in
      try harden()
    }
  }

  /// Opens an empty file that becomes a database.
  init(filling path: String) throws(StoreError) {
    database = try Database(at: path, patience: .zero)
    try harden()
  }

  deinit {
    // Before the last statement has gone, the database is not closed.
    statements = [:]
  }

  /// Runs the first statements, if the file and what lies beside it are as SQLite leaves them.
  ///
  /// With the first statement SQLite looks for the log. Beside an empty file it deletes it. Where it
  /// finds none it begins another, although programs that run may still write to the one that
  /// somebody has deleted. They hold a lock on the database, so that can be told.
  private func requireLog(
    of path: String, isLocked: Bool, _ body: () throws(StoreError) -> Void
  ) throws(StoreError) {
    let header = try database.fileHeader()
    try Schema.admit(header: header, at: path)
    guard Schema.hasLog(header: header), let real = realPath(path), !hasLog(real) else {
      return try body()
    }
    let (waiting, looking) = (Deadline(after: .seconds(1)), Deadline(after: .milliseconds(300)))
    // Of several programs that start now, one makes the files and the others find them. Who holds
    // the lock may wait for this very connection, so nobody waits for the lock without an end.
    let lock = WriteLock(of: path)
    while true {
      // Another program may have made them, and hold the lock for something else now.
      if hasLog(real) { return try body() }
      let isDone =
        isLocked
        ? try makeLog(of: real, body)
        : try lock.holdIfFree { _ throws(StoreError) in try makeLog(of: real, body) }
      if isDone == true { return }
      // The sqlite3 shell may be about to make them, or to delete them because it was the last.
      guard (isDone == nil ? waiting : looking).millisecondsLeft > 0 else {
        throw .unreadable(
          "\(path)-wal or -shm was deleted while programs run, which put it back when they are asked"
        )
      }
      usleep(5_000)
    }
  }

  private func makeLog(
    of path: String, _ body: () throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    if !hasLog(path) {
      guard try database.isAlone() else { return false }
    }
    try body()
    return true
  }

  private func hasLog(_ path: String) -> Bool {
    fileExists(path + "-wal") && fileExists(path + "-shm")
  }

  private func harden() throws(StoreError) {
    try database.enable(SQLITE_DBCONFIG_DEFENSIVE)
    // Checkpoints run under the write lock or not at all: SQLite before 3.51.3 can corrupt a
    // database where one races a commit that resets the log.
    try database.enable(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)
    try database.execute(
      """
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA trusted_schema = OFF;
      PRAGMA cell_size_check = ON;
      PRAGMA foreign_keys = ON;
      PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY;
      """)
  }

  /// Runs a statement; how many rows it changed.
  @discardableResult
  func run(_ sql: StaticString, _ values: Value...) throws(StoreError) -> Int {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() != nil {}
    return database.changes
  }

  /// The first row of a query, or nil.
  func first<T>(
    _ sql: StaticString, _ values: Value..., read: (Row) throws(StoreError) -> T
  ) throws(StoreError) -> T? {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try statement.bind(values)
    guard let row = try statement.step() else { return nil }
    return try read(row)
  }

  /// Every row of a query.
  func all<T>(
    _ sql: StaticString, _ values: Value..., read: (Row) throws(StoreError) -> T
  ) throws(StoreError) -> [T] {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try statement.bind(values)
    var rows: [T] = []
    while let row = try statement.step() { rows.append(try read(row)) }
    return rows
  }

  private func prepared(_ sql: StaticString) throws(StoreError) -> Statement {
    let key = unsafe UInt(bitPattern: sql.utf8Start)
    if let statement = statements[key] { return statement }
    let statement = try Statement(sql, on: database)
    statements[key] = statement
    return statement
  }
}

extension Connection {
  /// Reads several times in one state of the database.
  func snapshot<T>(_ body: () throws(StoreError) -> T) throws(StoreError) -> T {
    try run("BEGIN")
    do throws(StoreError) {
      let result = try body()
      try run("COMMIT")
      return result
    } catch {
      rollback()
      throw error
    }
  }

  /// Undoes the transaction, if an error has not ended it already.
  func rollback() {
    guard database.isInTransaction else { return }
    try? database.execute("ROLLBACK")
  }
}
