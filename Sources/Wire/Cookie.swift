/// The cookies of a `Cookie` header.
///
/// RFC 6265 §4.2.1. Whatever is malformed is passed over: a sibling host can put anything there.
package enum Cookie {
  /// The values of every cookie of exactly this name, in the order sent.
  ///
  /// Names are compared with their case: browsers guard the prefix `__Secure-` in any case, but
  /// only the exact name is ours (RFC 6265bis §5.4).
  package static func values(named name: String, in header: [UInt8]) -> [[UInt8]] {
    header.split(separator: UInt8(ascii: ";")).compactMap { pair in
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")),
        trimmed(pair[..<equals]).elementsEqual(name.utf8)
      else { return nil }
      return Array(trimmed(pair[(equals + 1)...]))
    }
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = bytes.drop { $0 == 0x20 || $0 == 0x09 }
    while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
    return rest
  }
}
