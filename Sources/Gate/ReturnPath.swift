/// Where a browser goes after it has signed in: a path and query of the site, and nothing else.
///
/// The contract's section 10. Whatever is no such path becomes `/`, so nobody is ever sent to
/// another origin: a browser reads `//host` and `/\host` as the name of a host.
package struct ReturnPath: Equatable, Sendable {
  package let text: String

  package static let root = ReturnPath(text: "/")

  private init(text: String) {
    self.text = text
  }

  /// Takes a path that begins with one slash and has at most 2 048 bytes; `/` for anything else.
  package init(_ text: String) {
    let bytes = Array(text.utf8)
    let isPath =
      bytes.first == UInt8(ascii: "/") && bytes.count <= 2_048
      && (bytes.count == 1 || bytes[1] != UInt8(ascii: "/"))
      && text.unicodeScalars.allSatisfy(isPathScalar)
    self = isPath ? ReturnPath(text: text) : .root
  }

  /// The path as a header carries it: a space and every byte that is not ASCII is escaped.
  package var headerValue: String {
    percentEncoded(text) { byte in
      (0x21...0x7e).contains(byte) && !"\"<>".utf8.contains(byte)
    }
  }
}

/// No control character, also none of ISO 6429's second set, no backslash, no fragment.
private func isPathScalar(_ scalar: Unicode.Scalar) -> Bool {
  scalar.value >= 0x20 && !(0x7f...0x9f).contains(scalar.value) && scalar != "\\"
    && scalar != "#" && scalar.value != 0x2028 && scalar.value != 0x2029
}

/// A text with every byte escaped that may not stand as it is.
///
/// RFC 3986 §2.1.
func percentEncoded(_ text: String, except isKept: (UInt8) -> Bool) -> String {
  var encoded: [UInt8] = []
  let digits = Array("0123456789ABCDEF".utf8)
  for byte in text.utf8 {
    if isKept(byte) {
      encoded.append(byte)
    } else {
      encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: encoded, as: UTF8.self)
}
