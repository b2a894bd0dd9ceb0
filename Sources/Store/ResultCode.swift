// What SQLite's result codes mean to the caller: busy, full, corrupt or unreadable.
//
// All of them become 503. `corrupt` also makes the store read sessions apart (Transactions.swift).

import Accounts
import CSQLite
import Glibc
import System

extension StoreError {
  /// What a result code means for whoever asked the store.
  ///
  /// It goes by the numbers alone and names the file; bound values never get into the message.
  ///
  /// - Parameters:
  ///   - code: An extended result code.
  ///   - handle: The connection it came from, asked for its path and the system's error.
  init(_ code: Int32, on handle: OpaquePointer?) {
    // SQLite does not note the system's error when it is COMMIT that fails.
    let last = errno
    let noted = unsafe handle.map { handle in unsafe sqlite3_system_errno(handle) } ?? 0
    let system = code & 0xff == SQLITE_IOERR && last != 0 ? last : noted
    let what = unsafe StoreError.describe(code, system: system, handle)
    switch code & 0xff {
    case SQLITE_FULL: self = .full
    case SQLITE_IOERR where [ENOSPC, EDQUOT, EFBIG].contains(system): self = .full
    // PROTOCOL: so many readers and writers that no lock could be had in many tries.
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: self = .busy
    // A constraint that fails, a missing table: the file is not what this program made of it.
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
