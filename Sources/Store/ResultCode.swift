// Converts SQLite's result codes to errors of the store: busy, full, corrupt or unreadable.
//
// A route answers all of them with 503. After `corrupt` the store also reads each session in its
// own transaction (Transactions.swift).

import Accounts
import CSQLite
import Glibc
import System

extension StoreError {
  /// Converts a result code.
  ///
  /// The message names the file and the numbers, and never contains a bound value.
  ///
  /// - Parameters:
  ///   - code: An extended result code.
  ///   - handle: The connection that returned it, which knows the path and the system's error.
  init(_ code: Int32, on handle: OpaquePointer?) {
    // SQLite does not store the system's error if COMMIT fails.
    let last = errno
    let noted = unsafe handle.map { handle in unsafe sqlite3_system_errno(handle) } ?? 0
    let system = code & 0xff == SQLITE_IOERR && last != 0 ? last : noted
    let what = unsafe StoreError.describe(code, system: system, handle)
    switch code & 0xff {
    case SQLITE_FULL: self = .full
    case SQLITE_IOERR where [ENOSPC, EDQUOT, EFBIG].contains(system): self = .full
    // SQLITE_PROTOCOL: there were so many readers and writers that no attempt got a lock.
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: self = .busy
    // A violated constraint or a missing table shows that something else has changed the file.
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_CONSTRAINT, SQLITE_MISMATCH,
      SQLITE_SCHEMA, SQLITE_ERROR:
      self = .corrupt(what)
    default: self = .unreadable(what)
    }
  }

  private static func describe(_ code: Int32, system: Int32, _ handle: OpaquePointer?) -> String {
    let path = unsafe handle.flatMap { handle in
      unsafe sqlite3_db_filename(handle, "main").map { unsafe String(cString: $0) }
    }
    let text = unsafe String(cString: sqlite3_errstr(code))
    let cause = system == 0 ? "" : ", " + systemMessage(system)
    return "\(path ?? "database"): \(text) (\(code)\(cause))"
  }
}
