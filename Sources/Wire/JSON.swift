/// A JSON value.
///
/// RFC 8259.
package enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// A whole number.
  package static func integer(_ value: Int64) -> JSON {
    .number(JSONNumber(value))
  }

  package var stringValue: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  package var integerValue: Int64? {
    guard case .number(let number) = self else { return nil }
    return number.integer
  }

  package var boolValue: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  package var arrayValue: [JSON]? {
    guard case .array(let values) = self else { return nil }
    return values
  }

  package var objectValue: JSONObject? {
    guard case .object(let object) = self else { return nil }
    return object
  }

  /// Bytes are compared, not canonical equivalence: two spellings of é are two strings.
  package static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let one), .bool(let other)): one == other
    case (.number(let one), .number(let other)): one == other
    case (.string(let one), .string(let other)): hasSameBytes(one, other)
    case (.array(let one), .array(let other)): one == other
    case (.object(let one), .object(let other)): one == other
    default: false
    }
  }
}

/// A number as it was written.
package struct JSONNumber: Equatable, Sendable {
  /// The literal.
  package let text: String
  /// Its value if it is written as a whole number that fits; nil with a fraction or an exponent.
  package let integer: Int64?

  package init(_ value: Int64) {
    text = String(value)
    integer = value
  }

  /// Takes a literal of the grammar.
  init(literal: ArraySlice<UInt8>) {
    text = String(decoding: literal, as: UTF8.self)
    let isWhole = literal.allSatisfy { $0 == UInt8(ascii: "-") || isDigit($0) }
    integer = isWhole && text != "-0" ? Int64(text) : nil
  }
}

/// An object: its members in the order written, no name twice.
package struct JSONObject: Equatable, Sendable {
  package let members: [(name: String, value: JSON)]

  package init(_ members: [(String, JSON)]) {
    self.members = members.map { (name: $0.0, value: $0.1) }
  }

  /// Takes members that a reader has found, no name twice.
  init(read members: [(name: String, value: JSON)]) {
    self.members = members
  }

  /// The value of a member, compared byte for byte.
  package subscript(_ name: String) -> JSON? {
    members.first { hasSameBytes($0.name, name) }?.value
  }

  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.count == right.members.count
      && zip(left.members, right.members).allSatisfy {
        hasSameBytes($0.name, $1.name) && $0.value == $1.value
      }
  }
}

/// Whether two texts are equal byte for byte.
///
/// Swift's `==` asks for canonical equivalence. It is fast to say no, so it is asked first.
package func hasSameBytes(_ left: String, _ right: String) -> Bool {
  left == right && left.utf8.elementsEqual(right.utf8)
}

func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
