// A strict JSON parser (RFC 8259, RFC 7493 §2).
//
// It accepts UTF-8 without a BOM, and limits the nesting depth. It refuses duplicate members (also
// if one name is escaped), trailing commas, comments and trailing bytes: other parsers disagree
// about their meaning.

import Text

/// The reason why bytes are not valid JSON, and the offset of the first error in bytes.
package enum JSONError: Error, Equatable, Sendable {
  case syntax(offset: Int)
  case encoding(offset: Int)
  case duplicateMember(offset: Int)
  case tooDeep(offset: Int)
}

extension JSON {
  /// Parses one JSON text, which only white space may surround.
  ///
  /// - Parameters:
  ///   - bytes: The text in UTF-8.
  ///   - maximumDepth: The maximum nesting depth of arrays and objects.
  /// - Returns: The value.
  /// - Throws: The first error.
  package static func parse(
    _ bytes: [UInt8], maximumDepth: Int = 16
  ) throws(JSONError) -> JSON {
    var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw .syntax(offset: parser.position) }
    return value
  }
}

/// The members of an object that have been parsed so far.
private struct Members {
  private(set) var list: [(name: String, value: JSON)] = []
  private var names: Set<[UInt8]> = []

  mutating func append(_ name: String, _ value: JSON) {
    // Our tokens have up to twelve members: this avoids growing the array in steps.
    if list.isEmpty { list.reserveCapacity(12) }
    list.append((name, value))
  }

  /// Whether no member has this name yet.
  ///
  /// Call it once for each member, before `append`: beyond 16 members it records the name.
  mutating func isNew(_ name: String) -> Bool {
    // For a dozen members, comparing is faster than hashing. For the many members that a client may
    // send, comparing all pairs would take quadratic time.
    guard list.count >= 16 else { return !list.contains { hasSameBytes($0.name, name) } }
    if names.isEmpty { names = Set(list.map { Array($0.name.utf8) }) }
    return names.insert(Array(name.utf8)).inserted
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  let maximumDepth: Int
  var position = 0

  init(bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      position += 1
    }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"):
      guard depth < maximumDepth else { throw .tooDeep(offset: position) }
      return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["):
      guard depth < maximumDepth else { throw .tooDeep(offset: position) }
      return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func literal(_ name: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    guard bytes[position...].starts(with: name.description.utf8) else {
      throw .syntax(offset: position)
    }
    position += name.utf8CodeUnitCount
    return value
  }

  /// Skips white space, and consumes the next byte if it is the expected one.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    position += 1
    var members = Members()
    if take(UInt8(ascii: "}")) { return JSONObject([]) }
    repeat {
      skipSpace()
      let start = position
      guard next == UInt8(ascii: "\"") else { throw .syntax(offset: position) }
      let name = try string()
      guard members.isNew(name) else { throw .duplicateMember(offset: start) }
      guard take(UInt8(ascii: ":")) else { throw .syntax(offset: position) }
      members.append(name, try value(depth: depth))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw .syntax(offset: position) }
    return JSONObject(read: members.list)
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
    position += 1
    var values: [JSON] = []
    if take(UInt8(ascii: "]")) { return [] }
    repeat { values.append(try value(depth: depth)) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw .syntax(offset: position) }
    return values
  }

  private mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    let first = position
    try digits()
    guard bytes[first] != UInt8(ascii: "0") || position == first + 1 else {
      throw .syntax(offset: first)
    }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return JSONNumber(literal: bytes[start..<position])
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = next, isDigit(byte) { position += 1 }
    guard position > start else { throw .syntax(offset: position) }
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    // Fast path: a string without escapes is one slice of the input.
    while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      position += 1
    }
    var text = bytes[start..<position]
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        return try decoded(text, from: start)
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
      case 0..<0x20: throw .syntax(offset: position - 1)
      default: text.append(byte)
      }
    }
    throw .syntax(offset: position)
  }

  private func decoded(_ text: ArraySlice<UInt8>, from start: Int) throws(JSONError) -> String {
    do {
      return String(copying: try UTF8Span(validating: text.span))
    } catch {
      throw .encoding(offset: start)
    }
  }

  private mutating func escape() throws(JSONError) -> [UInt8] {
    guard let byte = next else { throw .syntax(offset: position) }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0c]
    case UInt8(ascii: "n"): return [0x0a]
    case UInt8(ascii: "r"): return [0x0d]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try escapedScalar()).utf8)
    default: throw .syntax(offset: position - 1)
    }
  }

  /// Reads one `\u` escape, or two that form a surrogate pair.
  ///
  /// A lone surrogate is refused, because UTF-8 cannot encode it.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let start = position
    let high = try hexadecimal()
    if let scalar = Unicode.Scalar(high) { return scalar }
    guard (0xd800..<0xdc00).contains(high), bytes[position...].starts(with: "\\u".utf8) else {
      throw .encoding(offset: start)
    }
    position += 2
    let low = try hexadecimal()
    guard (0xdc00..<0xe000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
    else { throw .encoding(offset: start) }
    return scalar
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw .syntax(offset: bytes.count) }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw .syntax(offset: position)
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
