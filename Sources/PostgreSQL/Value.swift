/// A value for a parameter of a statement, sent in the server's binary form.
enum Value {
  case integer(Int64)
  case optionalInteger(Int64?)
  case text(String)
  case optionalText(String?)
  /// Bytes that may hold a NUL, which a text of the server cannot.
  case bytes(String)
  case byteArray([UInt8])
  case bool(Bool)
  case integers([Int64])
  case texts([String])
}

/// The numbers of the server's types, which are the same in every database (`pg_type.dat`).
enum TypeNumber {
  static let bool: UInt32 = 16
  static let bytes: UInt32 = 17
  static let integer: UInt32 = 20
  static let text: UInt32 = 25
  static let texts: UInt32 = 1009
  static let integers: UInt32 = 1016
}

extension Value {
  var type: UInt32 {
    switch self {
    case .integer, .optionalInteger: TypeNumber.integer
    case .text, .optionalText: TypeNumber.text
    case .bytes, .byteArray: TypeNumber.bytes
    case .bool: TypeNumber.bool
    case .integers: TypeNumber.integers
    case .texts: TypeNumber.texts
    }
  }

  /// Appends the binary form; false for NULL, which has none.
  func append(to bytes: inout [UInt8]) -> Bool {
    switch self {
    case .integer(let number): bytes.append(bigEndian: number)
    case .optionalInteger(let number?): bytes.append(bigEndian: number)
    case .text(let text), .optionalText(let text?), .bytes(let text): bytes += text.utf8
    case .byteArray(let array): bytes += array
    case .bool(let value): bytes.append(value ? 1 : 0)
    case .optionalInteger(nil), .optionalText(nil): return false
    case .integers(let numbers):
      bytes.append(arrayOf: TypeNumber.integer, count: numbers.count)
      for number in numbers {
        bytes.append(bigEndian: 8 as Int32)
        bytes.append(bigEndian: number)
      }
    case .texts(let texts):
      bytes.append(arrayOf: TypeNumber.text, count: texts.count)
      for text in texts {
        bytes.append(bigEndian: Int32(text.utf8.count))
        bytes += text.utf8
      }
    }
    return true
  }
}

extension [UInt8] {
  fileprivate mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
    for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  /// Begins an array of one dimension whose elements are not NULL.
  fileprivate mutating func append(arrayOf type: UInt32, count: Int) {
    append(bigEndian: (count == 0 ? 0 : 1) as Int32)
    append(bigEndian: 0 as Int32)
    append(bigEndian: type)
    guard count > 0 else { return }
    append(bigEndian: Int32(count))
    append(bigEndian: 1 as Int32)
  }
}
