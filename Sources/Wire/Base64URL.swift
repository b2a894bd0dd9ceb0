/// base64url without padding.
///
/// RFC 4648 §5, RFC 7515 §2.
package enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// The value of each byte; 0xff for a byte that is not in the alphabet.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xff, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()

  /// Encodes bytes as ASCII bytes.
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

  /// Encodes bytes as text.
  package static func encode(_ bytes: [UInt8]) -> String {
    String(decoding: encodeBytes(bytes), as: UTF8.self)
  }

  /// Decodes canonical base64url.
  ///
  /// This function is not generic: every request with a token calls it, and other modules would
  /// call a generic function through witness tables.
  ///
  /// - Returns: nil for padding, another alphabet, white space, an impossible length, and trailing
  ///   bits that are not zero. Each of them would be a second spelling of the same token.
  package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    let values = values.span
    let input = text.span
    var bytes = [UInt8](repeating: 0, count: text.count * 3 / 4)
    var output = bytes.mutableSpan
    var place = 0
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    // The bitwise OR of all values. A byte outside the alphabet sets its two high bits, so one test
    // after the loop finds it.
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

  /// Decodes canonical base64url.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    decode(Array(text)[...])
  }
}
