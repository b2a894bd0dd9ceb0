import CCrypto

/// A SHA-256 digest as four words, to be compared and looked up quickly.
package struct Digest256: Hashable, Sendable {
  package var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  package init() {}

  package static func == (left: Digest256, right: Digest256) -> Bool {
    left.words == right.words
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
  }
}

/// Makes digests one after the other with one context: no allocation, no look-up of the algorithm.
@safe package struct Digester: ~Copyable {
  private let context: OpaquePointer?
  private let algorithm: OpaquePointer?

  package init() {
    unsafe context = EVP_MD_CTX_new()
    unsafe algorithm = EVP_MD_fetch(nil, "SHA256", nil)
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
    unsafe EVP_MD_free(algorithm)
  }

  /// The SHA-256 digest; nil if OpenSSL cannot, and then nothing may be looked up.
  package func digest(_ bytes: [UInt8]) -> Digest256? {
    var digest = Digest256()
    let isMade = unsafe withUnsafeMutableBytes(of: &digest.words) { words in
      unsafe bytes.withUnsafeBytes { bytes in
        unsafe EVP_DigestInit_ex2(context, algorithm, nil) == 1
          && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
          && EVP_DigestFinal_ex(
            context, words.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
      }
    }
    return isMade ? digest : nil
  }
}
