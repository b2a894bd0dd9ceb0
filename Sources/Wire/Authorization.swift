/// Reads the `Authorization` header.
///
/// RFC 6750 §2.1, RFC 7617 §2, RFC 9110 §11.6.2.
package enum Authorization {
  package enum Bearer: Equatable, Sendable {
    /// The header is empty or has another scheme.
    case none
    /// The scheme is `Bearer`, followed by exactly one b64token.
    case token(ArraySlice<UInt8>)
    /// The scheme is `Bearer`, but no or more than one b64token follows.
    case malformed
  }

  /// Returns the bearer token of a header.
  ///
  /// The scheme may be in upper or lower case. One or more spaces separate it from the token.
  package static func bearer(_ header: ArraySlice<UInt8>) -> Bearer {
    let bytes = header.span
    var place = 0
    while place < bytes.count, bytes[place] != 0x20 { place += 1 }
    guard place == 6, isBearer(bytes) else { return .none }
    while place < bytes.count, bytes[place] == 0x20 { place += 1 }
    let start = place
    while place < bytes.count, isTokenByte(bytes[place]) { place += 1 }
    guard place > start else { return .malformed }
    while place < bytes.count, bytes[place] == UInt8(ascii: "=") { place += 1 }
    guard place == bytes.count else { return .malformed }
    return .token(header[(header.startIndex + start)...])
  }

  /// Returns the username and the password of a header with the scheme `Basic`.
  ///
  /// The scheme may be in upper or lower case. The first colon ends the username.
  ///
  /// - Parameter header: The header.
  /// - Returns: nil for another scheme, and for credentials that are no canonical base64 or have no
  ///   colon.
  package static func basic(
    _ header: ArraySlice<UInt8>
  ) -> (username: ArraySlice<UInt8>, password: ArraySlice<UInt8>)? {
    guard header.count > 6, header[header.startIndex + 5] == 0x20,
      zip(header, "basic".utf8).allSatisfy({ $0 | 0x20 == $1 })
    else { return nil }
    let encoded = header.dropFirst(6).drop { $0 == 0x20 }
    guard let bytes = Base64.decode(encoded),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
    else { return nil }
    return (bytes[..<colon], bytes[(colon + 1)...])
  }

  private static func isBearer(_ bytes: Span<UInt8>) -> Bool {
    bytes[0] | 0x20 == UInt8(ascii: "b") && bytes[1] | 0x20 == UInt8(ascii: "e")
      && bytes[2] | 0x20 == UInt8(ascii: "a") && bytes[3] | 0x20 == UInt8(ascii: "r")
      && bytes[4] | 0x20 == UInt8(ascii: "e") && bytes[5] | 0x20 == UInt8(ascii: "r")
  }

  /// Whether a byte may stand in a b64token: letters, digits and `-._~+/`.
  ///
  /// The set is a bit mask, because this runs for every byte of every token.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    let (first, second): (UInt64, UInt64) = (0x03ff_e800_0000_0000, 0x47ff_fffe_87ff_fffe)
    guard byte < 128 else { return false }
    return (byte < 64 ? first : second) >> UInt64(byte & 63) & 1 == 1
  }
}
