/// base64url without padding.
///
/// RFC 4648 §5, RFC 7515 §2.
package enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// The value of each byte; 0xff where it is none of the alphabet's.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xff, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()

  /// The encoded bytes.
  package static func encodeBytes(_ bytes: [UInt8]) -> [UInt8] {
    let alphabet = alphabet.span
    let input = bytes.span
    var text = [UInt8](repeating: 0, count: (bytes.count * 4 + 2) / 3)
    var output = text.mutableSpan
    var place = 0
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for index in input.indices {
      pending = pending << 8 | UInt32(input[index])
      bits += 8
      while bits >= 6 {
        bits -= 6
        output[place] = alphabet[Int(pending >> bits & 0x3f)]
        place += 1
      }
    }
    if bits > 0 { output[place] = alphabet[Int(pending << (6 - bits) & 0x3f)] }
    return text
  }

  /// The encoded text.
  package static func encode(_ bytes: [UInt8]) -> String {
    String(decoding: encodeBytes(bytes), as: UTF8.self)
  }

  /// Decodes the one canonical spelling of some bytes.
  ///
  /// Not generic: every request with a token passes here, and a generic would be called through
  /// witness tables from other modules.
  ///
  /// - Returns: nil for padding, another alphabet, white space, a length that no bytes have, and
  ///   trailing bits that are not zero: each would be a second spelling of the same token.
  package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    let values = values.span
    let input = text.span
    var bytes = [UInt8](repeating: 0, count: text.count * 3 / 4)
    var output = bytes.mutableSpan
    var place = 0
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    // A byte of no value sets the high bits of what it is combined with: asked once, at the end.
    var seen: UInt8 = 0
    for index in input.indices {
      let value = values[Int(input[index])]
      seen |= value
      pending = pending << 6 | UInt32(value & 0x3f)
      bits += 6
      if bits >= 8 {
        bits -= 8
        output[place] = UInt8(truncatingIfNeeded: pending >> bits)
        place += 1
      }
    }
    guard seen & 0xc0 == 0, pending & (1 << bits - 1) == 0 else { return nil }
    return bytes
  }

  /// Decodes the one canonical spelling of some bytes.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    decode(Array(text)[...])
  }
}
