/// base32 in lower case without padding, for identifiers in file names, URLs and messages.
///
/// RFC 4648 §6.
package enum Base32 {
  private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

  /// Encodes bytes.
  package static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      bits += 8
      while bits >= 5 {
        bits -= 5
        text.append(alphabet[Int(pending >> bits & 0x1f)])
      }
    }
    if bits > 0 { text.append(alphabet[Int(pending << (5 - bits) & 0x1f)]) }
    return String(decoding: text, as: UTF8.self)
  }
}
