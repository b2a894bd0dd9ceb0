import Accounts
import CSQLite
import Glibc

/// A value for a parameter of a statement.
enum Value {
  case integer(Int64)
  case text(String)
  case null
}

/// A prepared statement, kept by its connection and used again and again.
@safe final class Statement {
  private let handle: OpaquePointer

  init(_ sql: StaticString, on database: borrowing Database) throws(StoreError) {
    var prepared: OpaquePointer?
    let code = sql.withUTF8Buffer { text in
      unsafe text.withMemoryRebound(to: CChar.self) { text in
        unsafe sqlite3_prepare_v3(
          database.handle, text.baseAddress, Int32(text.count),
          UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
      }
    }
    guard code == SQLITE_OK, let handle = unsafe prepared else {
      throw unsafe StoreError(code, on: database.handle)
    }
    unsafe self.handle = handle
  }

  deinit {
    unsafe sqlite3_finalize(handle)
  }

  /// Sets the parameters `?1`, `?2`, … in order.
  func bind(_ values: [Value]) throws(StoreError) {
    var index: Int32 = 0
    for value in values {
      index += 1
      let code =
        switch value {
        case .integer(let number): unsafe sqlite3_bind_int64(handle, index, number)
        case .text(let text): bind(text, at: index)
        case .null: unsafe sqlite3_bind_null(handle, index)
        }
      guard code == SQLITE_OK else { throw failure(code) }
    }
  }

  private func bind(_ text: String, at index: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
        unsafe csqlite_bind_text(handle, index, bytes.baseAddress, Int32(bytes.count))
      }
    }
  }

  /// Goes to the next row; nil after the last.
  func step() throws(StoreError) -> Row? {
    errno = 0
    switch unsafe sqlite3_step(handle) {
    case SQLITE_ROW: return unsafe Row(handle)
    case SQLITE_DONE: return nil
    case let code: throw failure(code)
    }
  }

  /// Makes the statement ready for the next use and ends its read.
  func reset() {
    unsafe sqlite3_reset(handle)
  }

  private func failure(_ code: Int32) -> StoreError {
    unsafe StoreError(code, on: sqlite3_db_handle(handle))
  }
}

/// The row a statement stands at; not to be kept beyond its next step.
///
/// A column of another type than the schema says is `corrupt`, never a zero or an empty text.
@safe struct Row {
  private let statement: OpaquePointer

  fileprivate init(_ statement: OpaquePointer) {
    unsafe self.statement = statement
  }

  func integer(_ column: Int32) throws(StoreError) -> Int64 {
    guard unsafe sqlite3_column_type(statement, column) == SQLITE_INTEGER else {
      throw .corrupt("column \(column) is no integer")
    }
    return unsafe sqlite3_column_int64(statement, column)
  }

  func date(_ column: Int32) throws(StoreError) -> NumericDate {
    NumericDate(seconds: try integer(column))
  }

  func optionalDate(_ column: Int32) throws(StoreError) -> NumericDate? {
    guard unsafe sqlite3_column_type(statement, column) != SQLITE_NULL else { return nil }
    return try date(column)
  }

  /// A truth, which is 0 or 1.
  func bool(_ column: Int32) throws(StoreError) -> Bool {
    let number = try integer(column)
    guard number == 0 || number == 1 else { throw .corrupt("column \(column) is neither 0 nor 1") }
    return number == 1
  }

  func optionalInteger(_ column: Int32) throws(StoreError) -> Int64? {
    guard unsafe sqlite3_column_type(statement, column) != SQLITE_NULL else { return nil }
    return try integer(column)
  }

  func optionalText(_ column: Int32) throws(StoreError) -> String? {
    guard unsafe sqlite3_column_type(statement, column) != SQLITE_NULL else { return nil }
    return try text(column)
  }

  func text(_ column: Int32) throws(StoreError) -> String {
    guard unsafe sqlite3_column_type(statement, column) == SQLITE_TEXT else {
      throw .corrupt("column \(column) is no text")
    }
    // As a blob it comes without a copy, which a NUL at its end would need.
    let start = unsafe sqlite3_column_blob(statement, column)
    let bytes = unsafe UnsafeBufferPointer(
      start: start?.assumingMemoryBound(to: UInt8.self),
      count: Int(sqlite3_column_bytes(statement, column)))
    do {
      return String(copying: try UTF8Span(validating: unsafe bytes.span))
    } catch {
      throw .corrupt("column \(column) is no UTF-8")
    }
  }
}
