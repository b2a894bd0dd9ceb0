import Accounts
import CPostgreSQL

/// What the server answered to one statement; it owns the memory of its rows.
@safe final class Answer {
  private let library: Library
  private let result: OpaquePointer

  init(_ result: OpaquePointer, of library: Library) {
    unsafe self.result = result
    self.library = library
  }

  deinit {
    unsafe library.functions.pointee.clear(result)
  }

  /// How many rows there are.
  var count: Int {
    unsafe Int(library.functions.pointee.ntuples(result))
  }

  subscript(row: Int) -> Row {
    Row(answer: self, row: Int32(row))
  }

  /// The rows by their keys; one that is damaged is a failure of its own.
  func rows<Key: Hashable, Value>(
    by key: (Row) throws(StoreError) -> Key, _ read: (Row) throws(StoreError) -> Value
  ) throws(StoreError) -> [Key: Result<Value, StoreError>] {
    var found: [Key: Result<Value, StoreError>] = [:]
    for index in 0..<count {
      let row = self[index]
      found[try key(row)] = Result { () throws(StoreError) in try read(row) }
    }
    return found
  }

  /// How many rows the statement changed.
  var changes: Int {
    // The number as text; none after a statement that changes nothing.
    guard let text = unsafe library.functions.pointee.cmdTuples(result) else { return 0 }
    return unsafe Int(String(cString: text)) ?? 0
  }

  /// What the statement did, such as `COMMIT`.
  var command: String {
    guard let text = unsafe library.functions.pointee.cmdStatus(result) else { return "" }
    return unsafe String(cString: text)
  }

  /// The bytes of a value, handed to a body; nil for NULL.
  ///
  /// - Throws: `corrupt` for a column of another type than the schema says.
  fileprivate func value<T>(
    _ row: Int32, _ column: Int32, type: UInt32, read: (UnsafeBufferPointer<UInt8>) -> T?
  ) throws(StoreError) -> T? {
    let functions = unsafe library.functions.pointee
    guard unsafe column < functions.nfields(result), unsafe functions.ftype(result, column) == type
    else { throw .corrupt("column \(column) has another type") }
    guard unsafe functions.getisnull(result, row, column) == 0 else { return nil }
    let length = unsafe Int(functions.getlength(result, row, column))
    guard let start = unsafe functions.getvalue(result, row, column) else { return nil }
    let value = unsafe start.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
      unsafe read(UnsafeBufferPointer(start: bytes, count: length))
    }
    guard let value else { throw .corrupt("column \(column) cannot be read") }
    return value
  }
}

/// One row of an answer.
///
/// A column of another type than the schema says is `corrupt`, never a zero or an empty text.
struct Row {
  fileprivate let answer: Answer
  fileprivate let row: Int32

  func optionalInteger(_ column: Int32) throws(StoreError) -> Int64? {
    unsafe try answer.value(row, column, type: TypeNumber.integer) { bytes in
      guard bytes.count == 8 else { return nil }
      return unsafe Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
  }

  func integer(_ column: Int32) throws(StoreError) -> Int64 {
    try expected(try optionalInteger(column), column)
  }

  func date(_ column: Int32) throws(StoreError) -> NumericDate {
    NumericDate(seconds: try integer(column))
  }

  func optionalDate(_ column: Int32) throws(StoreError) -> NumericDate? {
    try optionalInteger(column).map(NumericDate.init(seconds:))
  }

  func bool(_ column: Int32) throws(StoreError) -> Bool {
    let value = unsafe try answer.value(row, column, type: TypeNumber.bool) { bytes in
      unsafe bytes.count == 1 ? bytes[0] == 1 : nil
    }
    return try expected(value, column)
  }

  func optionalText(_ column: Int32) throws(StoreError) -> String? {
    unsafe try answer.value(row, column, type: TypeNumber.text, read: readText)
  }

  func text(_ column: Int32) throws(StoreError) -> String {
    try expected(try optionalText(column), column)
  }

  /// A text that was stored as bytes.
  func bytes(_ column: Int32) throws(StoreError) -> String {
    try expected(
      unsafe try answer.value(row, column, type: TypeNumber.bytes, read: readText), column)
  }

  func byteArray(_ column: Int32) throws(StoreError) -> [UInt8] {
    let value = unsafe try answer.value(row, column, type: TypeNumber.bytes) { unsafe Array($0) }
    return try expected(value, column)
  }

  private func expected<T>(_ value: T?, _ column: Int32) throws(StoreError) -> T {
    guard let value else { throw .corrupt("column \(column) is NULL") }
    return value
  }
}

private func readText(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
  guard let text = try? UTF8Span(validating: unsafe bytes.span) else { return nil }
  return String(copying: text)
}
