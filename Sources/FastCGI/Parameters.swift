// The parameters of one request, stored as flat bytes with an index of ranges.
//
// Names and values are kept byte for byte, and duplicates are kept: a repeated header of the client
// arrives as a repeated parameter, and programs disagree about which of the two counts. So the
// caller must be able to see the repetition and refuse it.

import Glibc

/// The result of looking up one name.
package enum Parameter: Sendable, Equatable {
  case absent
  /// The bytes of the value. The indices of the slice do not start at 0.
  case single(ArraySlice<UInt8>)
  case repeated
}

/// The parameters of one request, in the order in which they were received.
///
/// The event loop keeps one value for each connection and refills it, so that the storage is
/// allocated only once.
package struct Parameters: Sendable {
  struct Entry: Sendable {
    let name: Range<Int>
    let value: Range<Int>
  }

  private(set) var bytes: [UInt8] = []
  private var entries: [Entry] = []

  package init() {}

  /// Makes parameters from strings, for tests and commands.
  package init(_ pairs: [(name: String, value: String)]) {
    for pair in pairs {
      append(name: Array(pair.name.utf8), value: Array(pair.value.utf8))
    }
  }

  /// The number of parameters.
  package var count: Int { entries.count }

  /// The number of stored bytes: names, values and, if they came as a FastCGI stream, their encoded
  /// lengths.
  package var byteCount: Int { bytes.count }

  /// Looks up a name by exact comparison.
  package func value(_ name: StaticString) -> Parameter {
    var found: Entry?
    for entry in entries where matches(entry.name, name) {
      guard found == nil else { return .repeated }
      found = entry
    }
    guard let found else { return .absent }
    return .single(bytes[found.value])
  }

  /// All values of a name, in the order in which they were received.
  package func all(_ name: StaticString) -> [[UInt8]] {
    var values: [[UInt8]] = []
    for entry in entries where matches(entry.name, name) {
      values.append(Array(bytes[entry.value]))
    }
    return values
  }

  /// Calls the body with each name and value.
  package func forEach(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
    for entry in entries {
      body(bytes[entry.name], bytes[entry.value])
    }
  }

  /// Calls the body with each name and value whose name begins with the prefix.
  package func forEach(
    beginning prefix: StaticString,
    _ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void
  ) {
    let count = prefix.utf8CodeUnitCount
    for entry in entries where entry.name.count >= count {
      let start = entry.name.lowerBound
      guard matches(start..<start + count, prefix) else { continue }
      body(bytes[entry.name], bytes[entry.value])
    }
  }

  /// The parameters whose names begin with the prefix, as strings.
  ///
  /// A value that is not valid UTF-8 becomes U+FFFD.
  package func beginning(with prefix: StaticString) -> [(name: String, value: String)] {
    var found: [(name: String, value: String)] = []
    forEach(beginning: prefix) { name, value in
      found.append(
        (
          String(decoding: name, as: UTF8.self),
          String(validating: value, as: UTF8.self) ?? "\u{fffd}"
        ))
    }
    return found
  }

  /// Adds one parameter.
  package mutating func append(name: some Collection<UInt8>, value: some Collection<UInt8>) {
    let start = bytes.count
    bytes.append(contentsOf: name)
    let middle = bytes.count
    bytes.append(contentsOf: value)
    entries.append(Entry(name: start..<middle, value: middle..<bytes.count))
  }

  /// Adds a C string of the form `NAME=value`, as in the environment and in libfcgi.
  mutating func append(variable: UnsafePointer<CChar>) {
    let length = unsafe strlen(variable)
    let text = unsafe UnsafeRawBufferPointer(start: variable, count: length)
    let middle = unsafe text.firstIndex(of: 0x3d) ?? length
    unsafe append(name: text[..<middle], value: text[middle...].dropFirst())
  }

  private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
    let count = name.utf8CodeUnitCount
    guard range.count == count else { return false }
    // The range lies within `bytes` by construction, and both operands have `count` bytes.
    return unsafe bytes.withUnsafeBufferPointer { all in
      guard count > 0, let base = all.baseAddress else { return true }
      return unsafe memcmp(base + range.lowerBound, name.utf8Start, count) == 0
    }
  }
}

/// Decoding of the PARAMS stream.
extension Parameters {
  /// Removes all parameters, but keeps the storage.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  /// The number of bytes that fit without another allocation.
  var byteCapacity: Int { bytes.capacity }

  /// Removes all parameters and frees the storage, if it is larger than that many bytes.
  mutating func shrink(to capacity: Int) {
    guard bytes.capacity > capacity || entries.capacity > 256 else { return }
    self = Parameters()
  }

  /// Appends a part of the PARAMS stream.
  ///
  /// Its parameters cannot be looked up until `indexStream` is called.
  mutating func appendStream(_ piece: Span<UInt8>) {
    unsafe piece.withUnsafeBufferPointer { piece in unsafe bytes.append(contentsOf: piece) }
  }

  /// Decodes the lengths in the appended stream, and indexes its names and values.
  ///
  /// Every length is compared with the number of remaining bytes before use, so a length of 2³¹
  /// costs nothing.
  ///
  /// - Returns: False if the stream ends inside a length, a name or a value.
  ///
  /// FastCGI 1.0 §3.4.
  mutating func indexStream() -> Bool {
    var position = 0
    while position < bytes.count {
      guard let nameLength = length(at: &position), let valueLength = length(at: &position),
        nameLength <= bytes.count - position,
        valueLength <= bytes.count - position - nameLength
      else { return false }
      let middle = position + nameLength
      let end = middle + valueLength
      entries.append(Entry(name: position..<middle, value: middle..<end))
      position = end
    }
    return true
  }

  private func length(at position: inout Int) -> Int? {
    guard position < bytes.count else { return nil }
    let first = bytes[position]
    guard first & 0x80 != 0 else {
      position += 1
      return Int(first)
    }
    guard bytes.count - position >= 4 else { return nil }
    let high = Int(first & 0x7f) << 24 | Int(bytes[position + 1]) << 16
    let low = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
    position += 4
    return high | low
  }
}
