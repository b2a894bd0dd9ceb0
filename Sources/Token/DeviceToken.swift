// Device tokens: `ts_`, 256 random bits in base62, and a checksum.
//
// The prefix lets people and scanners of published code recognize one. The checksum finds a typing
// error before the store is asked. The contract's section 12.

import Wire

/// The text of a device token.
package struct DeviceToken: Equatable, Sendable {
  package let text: String

  private static let prefix: StaticString = "ts_"
  /// 62^43 is the first power of 62 above 2^256.
  private static let secretCount = 43
  private static let checksumCount = 6
  private static let byteCount = 3 + secretCount + checksumCount

  /// Makes a new token.
  ///
  /// - Throws: `RandomError`.
  package init() throws(RandomError) {
    let secret = Base62.encode(try Random.bytes(32), count: DeviceToken.secretCount)
    let checksum = DeviceToken.checksum(of: secret[...])
    text = "\(DeviceToken.prefix)" + String(decoding: secret + checksum, as: UTF8.self)
  }

  /// The digest under which the store has it.
  package var digest: String { DeviceToken.digest(of: Array(text.utf8)[...]) }

  /// Whether a text is meant as a device token, good or bad.
  package static func isMeant(by text: ArraySlice<UInt8>) -> Bool {
    text.count >= 3 && prefix.withUTF8Buffer { unsafe text.prefix(3).elementsEqual($0) }
  }

  /// Whether a text has the length and the characters of a device token; its checksum may be wrong.
  package static func hasShape(_ text: ArraySlice<UInt8>) -> Bool {
    text.count == byteCount && isMeant(by: text) && Base62.isDigits(text.dropFirst(3))
  }

  /// The digest under which the store has a presented token.
  ///
  /// - Parameter presented: The bytes of the token.
  /// - Returns: nil for a text that is no device token, or whose checksum is wrong.
  package static func digest(ofPresented presented: ArraySlice<UInt8>) -> String? {
    guard hasShape(presented) else { return nil }
    let secret = presented.dropFirst(3).prefix(secretCount)
    let checksum = presented.suffix(checksumCount)
    guard checksum.elementsEqual(DeviceToken.checksum(of: secret)) else { return nil }
    return digest(of: presented)
  }

  private static func digest(of text: ArraySlice<UInt8>) -> String {
    Base64URL.encode(sha256(text))
  }

  /// The checksum of the 43 digits, in base62 itself.
  private static func checksum(of secret: ArraySlice<UInt8>) -> [UInt8] {
    let sum = crc32(secret)
    let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
    return Base62.encode(bytes, count: checksumCount)
  }
}
