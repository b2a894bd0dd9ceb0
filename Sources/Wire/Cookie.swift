/// Reads the `Cookie` header.
///
/// Malformed pairs are skipped, because a sibling host can set any cookie (RFC 6265 §4.2.1).
package enum Cookie {
  /// Returns the values of all cookies with this name, in the order sent.
  ///
  /// Names are compared with their case: browsers guard the prefix `__Secure-` in any case, but
  /// only the exact name is ours (RFC 6265bis §5.4). Browsers separate pairs by `; ` and put
  /// nothing around `=`. So a tab before a name, or a space before `=`, makes another name: some
  /// browsers let a script set such a cookie where the prefix protects ours.
  package static func values(named name: String, in header: [UInt8]) -> [[UInt8]] {
    header.split(separator: UInt8(ascii: ";")).compactMap { pair in
      let pair = pair.drop { $0 == UInt8(ascii: " ") }
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")),
        pair[..<equals].elementsEqual(name.utf8)
      else { return nil }
      return Array(pair[(equals + 1)...])
    }
  }

  /// Returns the value of the only cookie with this name; nil if there is none, or more than one.
  ///
  /// It reads names as `values` does, without a copy: `check` calls it for every request.
  package static func only(
    _ name: StaticString, in header: ArraySlice<UInt8>
  ) -> ArraySlice<UInt8>? {
    var found: ArraySlice<UInt8>?
    var start = header.startIndex
    while start < header.endIndex {
      let end = header[start...].firstIndex(of: UInt8(ascii: ";")) ?? header.endIndex
      let pair = header[start..<end].drop { $0 == UInt8(ascii: " ") }
      if let value = value(of: name, in: pair) {
        guard found == nil else { return nil }
        found = value
      }
      start = end + 1
    }
    return found
  }

  private static func value(
    of name: StaticString, in pair: ArraySlice<UInt8>
  ) -> ArraySlice<UInt8>? {
    let count = name.utf8CodeUnitCount
    guard pair.count > count, pair[pair.startIndex + count] == UInt8(ascii: "="),
      name.withUTF8Buffer({ unsafe pair.prefix(count).elementsEqual($0) })
    else { return nil }
    return pair.dropFirst(count + 1)
  }
}
