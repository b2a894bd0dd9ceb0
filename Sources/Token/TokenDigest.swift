import CCrypto

/// A SHA-256 digest as four words, for fast comparison and dictionary lookup.
package struct Digest256: Hashable, Sendable {
  package private(set) var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  /// Computes the digest of bytes.
  package init(of bytes: [UInt8]) {
    unsafe withUnsafeMutableBytes(of: &words) { words in
      unsafe ts_sha256(
        bytes, bytes.count, words.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  package static func == (left: Digest256, right: Digest256) -> Bool {
    left.words == right.words
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
  }
}
