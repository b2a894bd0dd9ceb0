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
}
