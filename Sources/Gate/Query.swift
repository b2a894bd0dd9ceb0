/// A query string: pairs of names and values, each percent-encoded.
///
/// RFC 3986 §3.4. A plus sign stands for itself; our own links escape it.
package struct Query: Equatable, Sendable {
  private let pairs: [(name: String, value: String)]

  /// Parses a query; nil if an escape is wrong, a value is not UTF-8, or a name stands twice.
  package init?(_ text: String) {
    var pairs: [(name: String, value: String)] = []
    for part in text.utf8.split(separator: UInt8(ascii: "&")) {
      let halves = part.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = percentDecoded(halves[0]),
        let value = halves.count == 2 ? percentDecoded(halves[1]) : "",
        !pairs.contains(where: { $0.name == name })
      else { return nil }
      pairs.append((name, value))
    }
    self.pairs = pairs
  }

  /// The value of a name, decoded; nil where the name does not stand.
  package subscript(name: String) -> String? {
    pairs.first { $0.name == name }?.value
  }

  /// Makes a query of names and values, all escaped but for the unreserved characters.
  package static func encode(_ pairs: [(name: String, value: String)]) -> String {
    pairs.map { "\($0.name)=\(percentEncoded($0.value, except: isUnreserved))" }
      .joined(separator: "&")
  }

  package static func == (left: Query, right: Query) -> Bool {
    left.pairs.elementsEqual(right.pairs) { $0 == $1 }
  }
}

/// RFC 3986 §2.3.
private func isUnreserved(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
  default: "-._~".utf8.contains(byte)
  }
}

private func percentDecoded(_ text: some Sequence<UInt8>) -> String? {
  var bytes: [UInt8] = []
  var rest = text.makeIterator()
  while let byte = rest.next() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else {
      return nil
    }
    bytes.append(high << 4 | low)
  }
  return String(validating: bytes, as: UTF8.self)
}

private func hexValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}
