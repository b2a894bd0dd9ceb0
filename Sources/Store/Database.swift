import Accounts
import CSQLite

/// SQLite's own settings, which are made once and before the first connection.
private let isConfigured: Bool = {
  csqlite_start_small()
  return true
}()

/// An open SQLite file, closed when it goes.
///
/// It has no lock of its own: one thread at a time.
@safe struct Database: ~Copyable {
  let handle: OpaquePointer
  /// Given back when the file is closed.
  private let ticket: OpenFiles.Ticket?

  /// Opens a file that exists.
  ///
  /// - Parameters:
  ///   - path: The file; SQLite is told not to create it.
  ///   - patience: How long a statement waits for another process's lock.
  ///   - ticket: What is kept as long as the file is open.
  /// - Throws: `unreadable`, with what the system said.
  init(
    at path: String, patience: Duration, ticket: OpenFiles.Ticket? = nil
  ) throws(StoreError) {
    _ = isConfigured
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let handle = unsafe opened else {
      let error = unsafe StoreError(code, on: opened)
      unsafe sqlite3_close_v2(opened)
      throw error
    }
    unsafe self.handle = handle
    self.ticket = ticket
    wait(atMost: patience)
  }

  deinit {
    // The connection lives on until its last statement has gone.
    unsafe sqlite3_close_v2(handle)
  }

  /// How long a statement waits from now on for another process's lock.
  borrowing func wait(atMost patience: Duration) {
    let (seconds, attoseconds) = patience.components
    let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    unsafe sqlite3_busy_timeout(handle, Int32(clamping: milliseconds))
  }

  /// Turns a `SQLITE_DBCONFIG_…` switch on.
  borrowing func enable(_ option: Int32) throws(StoreError) {
    let code = unsafe csqlite_switch(handle, option, 1)
    guard code == SQLITE_OK else { throw unsafe StoreError(code, on: handle) }
  }

  /// Runs statements that return nothing: settings and schema, never a value from outside.
  borrowing func execute(_ sql: String) throws(StoreError) {
    let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw unsafe StoreError(code, on: handle) }
  }

  /// What the index of the write-ahead log begins with; nil before the first read.
  ///
  /// It is not the same after a commit of any process. While one writes, what is read may be
  /// partly old and partly new: it carries a checksum, so that is like no other header.
  borrowing func logHeader() -> LogHeader? {
    var header = LogHeader()
    let isThere = unsafe withUnsafeMutableBytes(of: &header) { bytes in
      unsafe csqlite_log_index(handle, bytes.baseAddress, Int32(bytes.count)) == 1
    }
    return isThere ? header : nil
  }

  /// How far the log was copied into the database; nil before the first read.
  borrowing func logProgress() -> LogProgress? {
    var words = [UInt32](repeating: 0, count: 34)
    let isThere = unsafe words.withUnsafeMutableBytes { bytes in
      unsafe csqlite_log_index(handle, bytes.baseAddress, Int32(bytes.count)) == 1
    }
    guard isThere else { return nil }
    return LogProgress(
      salt: UInt64(words[8]) << 32 | UInt64(words[9]), copied: words[24],
      begun: words[32], isMadeAnew: words[2] == 0)
  }

  /// The bytes of the log that is open, be it deleted; nil where there is none.
  borrowing func logSize() -> Int64? {
    let size = unsafe csqlite_log_size(handle)
    return size < 0 ? nil : size
  }

  /// The first 100 bytes of the file, without its log; zeros where it has none.
  ///
  /// - Throws: `unreadable`, with what the system said.
  borrowing func fileHeader() throws(StoreError) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 100)
    let code = unsafe header.withUnsafeMutableBytes { bytes in
      unsafe csqlite_read_start(handle, bytes.baseAddress, Int32(bytes.count))
    }
    guard code == SQLITE_OK else { throw unsafe StoreError(code, on: handle) }
    return header
  }

  /// Whether no other connection of any process has the database open; before the first statement.
  borrowing func isAlone() throws(StoreError) -> Bool {
    switch unsafe csqlite_is_alone(handle) {
    case SQLITE_OK: return true
    case let code where code & 0xff == SQLITE_BUSY: return false
    case let code: throw unsafe StoreError(code, on: handle)
    }
  }

  /// Whether a transaction is open: some errors end one without being asked.
  var isInTransaction: Bool {
    unsafe sqlite3_get_autocommit(handle) == 0
  }

  /// Rows changed by the statement that ran last.
  var changes: Int {
    unsafe Int(sqlite3_changes64(handle))
  }
}

/// The 48 bytes that every commit changes: a counter, the log's length, salts and checksums.
struct LogHeader: Equatable {
  private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

  static func == (left: LogHeader, right: LogHeader) -> Bool { left.words == right.words }
}

/// How far the write-ahead log was copied into the database.
///
/// As long as it is the same, no checkpoint has written to the database.
struct LogProgress: Equatable, Sendable {
  /// Chosen anew each time the log starts anew; zero for a log that is empty.
  let salt: UInt64
  /// The frames that were copied.
  let copied: UInt32
  /// The frames that are copied when the checkpoint ends that is under way, or broke off.
  let begun: UInt32
  /// Whether the index was made from the log that was there, and nobody has committed since.
  ///
  /// It then says nothing: its first checkpoint copies frames that were copied before, and leaves it
  /// as it was before it was made anew.
  var isMadeAnew = false

  static func == (left: LogProgress, right: LogProgress) -> Bool {
    left.salt == right.salt && left.copied == right.copied && left.begun == right.begun
  }

  /// Whether there is a log, and no checkpoint that is under way or broke off.
  var isSettled: Bool { salt != 0 && copied == begun }
}
