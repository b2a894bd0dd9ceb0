/// base64 with padding, as `Authorization: Basic` has it.
///
/// RFC 4648 §4, RFC 7617 §2.
package enum Base64 {
  /// Decodes canonical base64.
  ///
  /// - Returns: nil for missing padding, another alphabet, white space, and trailing bits that are
  ///   not zero.
  package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    let digits = text.reversed().drop { $0 == UInt8(ascii: "=") }.count
    guard text.count - digits <= 2 else { return nil }
    var translated: [UInt8] = []
    translated.reserveCapacity(digits)
    for byte in text.prefix(digits) {
      switch byte {
      case UInt8(ascii: "+"): translated.append(UInt8(ascii: "-"))
      case UInt8(ascii: "/"): translated.append(UInt8(ascii: "_"))
      // The alphabet of base64url, which is another one.
      case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
      default: translated.append(byte)
      }
    }
    return Base64URL.decode(translated[...])
  }
}
