/// Whether a byte is an ASCII digit.
package func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// Whether a byte is an ASCII letter from a to z.
package func isLowercaseLetter(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
}

/// The byte of a lower-case letter for one of A to Z, and every other byte unchanged.
package func asciiLowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// The bytes with A to Z replaced by a to z, and nothing else changed.
package func asciiLowercased(_ bytes: some Sequence<UInt8>) -> [UInt8] {
  bytes.map { asciiLowercased($0) }
}

/// The text with A to Z replaced by a to z, and nothing else changed.
package func asciiLowercased(_ text: String) -> String {
  String(decoding: asciiLowercased(text.utf8), as: UTF8.self)
}
