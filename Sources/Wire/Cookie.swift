/// Reads the `Cookie` header.
///
/// Malformed pairs are skipped, because a sibling host can set any cookie (RFC 6265 §4.2.1).
package enum Cookie {
  /// Returns the values of all cookies with this name, in the order sent.
  ///
  /// The comparison is case-sensitive. Browsers guard the prefix `__Secure-` in any case
  /// (RFC 6265bis §5.4), but we only ever set the exact name.
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
