/// base62 with the digits `0-9`, `A-Z`, `a-z`, for tokens that are copied by hand.
///
/// A double click marks the whole text, because there are letters and digits only.
package enum Base62 {
  private static let alphabet = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  /// Encodes a number whose bytes come with the highest first.
  ///
  /// - Parameters:
  ///   - bytes: The number.
  ///   - count: How many digits the text has; a larger number is cut.
  /// - Returns: The digits, the highest first, with leading zeros.
  package static func encode(_ bytes: [UInt8], count: Int) -> [UInt8] {
    var number = bytes
    var text = [UInt8](repeating: alphabet[0], count: count)
    for place in text.indices.reversed() {
      // One step of a long division by 62.
      var rest = 0
      for index in number.indices {
        let part = rest << 8 | Int(number[index])
        number[index] = UInt8(part / 62)
        rest = part % 62
      }
      text[place] = alphabet[rest]
    }
    return text
  }

  /// Whether all bytes are digits.
  package static func isDigits(_ text: ArraySlice<UInt8>) -> Bool {
    text.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
  }
}

/// The CRC-32 checksum of ISO 3309, as zip and PNG have it.
///
/// It finds typing errors and protects from nothing else.
package func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var rest: UInt32 = .max
  for byte in bytes {
    rest ^= UInt32(byte)
    for _ in 0..<8 { rest = rest >> 1 ^ (rest & 1 == 1 ? 0xedb8_8320 : 0) }
  }
  return ~rest
}
