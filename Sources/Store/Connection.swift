import Accounts
import CSQLite

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
  /// - Throws: `unreadable`, `corrupt`, or `schema` for a newer or an older one.
  init(at path: String, as role: Role, patience: Duration) throws(StoreError) {
    database = try Database(at: path, patience: patience)
    try harden()
    try Schema.admit(self, at: path)
    // The kernel keeps the file's pages anyway; 512 KiB hold the upper levels of large trees.
    if role == .reader { try database.execute("PRAGMA query_only = ON; PRAGMA cache_size = -512") }
  }

  /// Opens a database of whatever version, for the one who migrates it.
  init(migrating path: String, patience: Duration) throws(StoreError) {
    database = try Database(at: path, patience: patience)
    try harden()
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
