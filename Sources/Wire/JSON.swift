import Text

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

  /// A number without fraction or exponent.
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

  /// Compares strings byte for byte, not by canonical equivalence.
  ///
  /// The composed and the decomposed form of é are different strings.
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

/// A number, with its literal.
package struct JSONNumber: Equatable, Sendable {
  /// The literal as it was written.
  package let text: String
  /// The value of a literal that has neither fraction nor exponent and fits into 64 bits; nil for
  /// any other literal, and for `-0`.
  package let integer: Int64?

  package init(_ value: Int64) {
    text = String(value)
    integer = value
  }

  /// Makes a number from a literal that is known to be valid.
  init(literal: ArraySlice<UInt8>) {
    text = String(decoding: literal, as: UTF8.self)
    let isWhole = literal.allSatisfy { $0 == UInt8(ascii: "-") || isDigit($0) }
    integer = isWhole && text != "-0" ? Int64(text) : nil
  }
}

/// An object.
///
/// Its members keep their order, and no name occurs twice.
package struct JSONObject: Equatable, Sendable {
  package let members: [(name: String, value: JSON)]

  package init(_ members: [(String, JSON)]) {
    self.members = members.map { (name: $0.0, value: $0.1) }
  }

  /// Makes an object from parsed members, whose names are known to be unique.
  init(read members: [(name: String, value: JSON)]) {
    self.members = members
  }

  /// The value of a member.
  ///
  /// Names are compared byte for byte.
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

/// Whether two strings are equal byte for byte.
///
/// Swift's `==` tests for canonical equivalence, which equal bytes imply. It comes first because
/// it quickly finds most unequal strings.
package func hasSameBytes(_ left: String, _ right: String) -> Bool {
  left == right && left.utf8.elementsEqual(right.utf8)
}
