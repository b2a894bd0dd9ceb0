@_spi(_Unicode) import Swift

/// A password as it is hashed: UTF-8 in normalization form C, nothing trimmed, folded or cut.
///
/// NIST SP 800-63B-4 §3.1.1.2; Unicode Standard Annex #15. The same é typed on two systems is
/// one password; every other difference counts.
package struct Password: Equatable, Sendable {
  /// The most bytes a password may have, before and after normalization.
  package static let maximumByteCount = 1_024

  /// The bytes to hash; they may contain NUL.
  package let bytes: [UInt8]
  /// Unicode code points after normalization, as the length rule counts them.
  package let codePointCount: Int

  /// Normalizes a password.
  ///
  /// - Returns: nil if it has more than 1024 bytes.
  package init?(_ text: String) {
    guard text.utf8.count <= Password.maximumByteCount else { return nil }
    // The standard library's own normalizer: the only one without another library, and public
    // to those who ask for it by name.
    let normalized = text._nfc
    var bytes: [UInt8] = []
    var count = 0
    for scalar in normalized {
      bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
      count += 1
    }
    guard bytes.count <= Password.maximumByteCount else { return nil }
    self.bytes = bytes
    codePointCount = count
  }
}
