import Accounts
import CSQLite
import Glibc

extension StoreError {
  /// What a result code means for whoever asked the store.
  ///
  /// It goes by the numbers alone and names the file; bound values never get into the message.
  ///
  /// - Parameters:
  ///   - code: An extended result code.
  ///   - handle: The connection it came from, asked for its path and the system's error.
  init(_ code: Int32, on handle: OpaquePointer?) {
    let system = unsafe handle.map { handle in unsafe sqlite3_system_errno(handle) } ?? 0
    let what = unsafe StoreError.describe(code, system: system, handle)
    switch code & 0xff {
    case SQLITE_FULL: self = .full
    case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
    case SQLITE_IOERR where [ENOSPC, EDQUOT, EFBIG].contains(system): self = .full
    case SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH, SQLITE_NOMEM:
      self = .unreadable(what)
    // A constraint that fails, a missing table: the file is not what this program made of it.
    default: self = .corrupt(what)
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

/// What the system says about an `errno`.
func systemMessage(_ number: Int32) -> String {
  unsafe String(cString: strerror(number))
}
