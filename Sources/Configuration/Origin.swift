import Text

/// An https origin in its canonical form: `https://host` or `https://host:port`.
///
/// The canonical form is in lower case and has neither the default port nor a path. Browsers send
/// this form in `Origin`, so that two origins are equal if their bytes are. RFC 6454 §6.2.
package struct Origin: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  /// The host without its port; an IPv6 address in brackets.
  package let host: String
  /// The port; 443 where the text names none.
  package let port: Int

  /// Takes the canonical form; returns nil for any other text.
  package init?(_ text: String) {
    let scheme = "https://"
    guard text.utf8.count <= 255, text.utf8.starts(with: scheme.utf8) else { return nil }
    let rest = Array(text.utf8.dropFirst(scheme.utf8.count))
    let isBracketed = rest.first == UInt8(ascii: "[")
    let hostEnd =
      isBracketed
      ? rest.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
      : rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.count
    guard let hostEnd, Origin.isHost(rest[..<hostEnd], bracketed: isBracketed) else { return nil }
    var port = 443
    if hostEnd < rest.count {
      let digits = String(decoding: rest[(hostEnd + 1)...], as: UTF8.self)
      guard rest[hostEnd] == UInt8(ascii: ":"), let number = UInt16(digits), number > 0,
        number != 443, String(number) == digits
      else { return nil }
      port = Int(number)
    }
    self.port = port
    self.text = text
    host = String(decoding: rest[..<hostEnd], as: UTF8.self)
  }

  package var description: String { text }

  /// Whether the host is an IP address; a name whose last label is a number counts as one.
  ///
  /// WHATWG URL §3.5 (ends in a number).
  package var isAddress: Bool {
    host.utf8.first == UInt8(ascii: "[")
      || host.split(separator: ".").last?.utf8.allSatisfy(isDigit) ?? false
  }

  /// The host and the domains above it that a cookie could name; the longest comes first.
  ///
  /// A sibling can plant a cookie for each of them. An IP address and a single label have none.
  package var cookieDomains: [String] {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 2, !isAddress else { return [] }
    return (0...(labels.count - 2)).map { labels[$0...].joined(separator: ".") }
  }

  private static func isHost(_ host: ArraySlice<UInt8>, bracketed: Bool) -> Bool {
    if bracketed {
      return host.count > 4
        && host.dropFirst().dropLast().allSatisfy { byte in
          isDigit(byte) || byte == UInt8(ascii: ":")
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
    }
    return host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { label in
        (1...63).contains(label.count) && label.first != UInt8(ascii: "-")
          && label.last != UInt8(ascii: "-")
          && label.allSatisfy { byte in
            isDigit(byte) || isLowercaseLetter(byte) || byte == UInt8(ascii: "-")
          }
      }
  }
}
