@_spi(_Unicode) import Swift

/// A password in the form in which it is hashed: UTF-8 in normalization form C.
///
/// Normalization makes an é that was typed on different systems the same password. Every other
/// difference counts: nothing is trimmed, case-folded or truncated. NIST SP 800-63B-4 §3.1.1.2;
/// Unicode Standard Annex #15.
package struct Password: Equatable, Sendable {
  /// The maximum length in bytes, before and after normalization.
  package static let maximumByteCount = 1_024

  /// The bytes that are hashed; they may contain NUL.
  package let bytes: [UInt8]
  /// The number of Unicode code points after normalization, for the rule on the length.
  package let codePointCount: Int

  /// Normalizes a password.
  ///
  /// - Returns: nil if the password has more than 1024 bytes.
  package init?(_ text: String) {
    guard text.utf8.count <= Password.maximumByteCount else { return nil }
    // The standard library's normalizer. It is only public through this import, but any other
    // normalizer would need another library.
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
