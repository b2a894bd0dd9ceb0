import CCrypto
import Synchronization
import Wire

/// The public key of a signing key.
package final class VerificationKey: Sendable {
  package let algorithm: SignatureAlgorithm
  /// x and y of P-256, or the encoded point of Ed25519; 32 bytes each.
  let coordinates: [[UInt8]]
  /// The RFC 7638 thumbprint in base64url.
  package let kid: String
  private let prepared = AtomicLazyReference<PreparedContext>()
  private let multiples = AtomicLazyReference<KeyMultiples>()

  /// Makes a key from its coordinates.
  ///
  /// - Throws: `KeyError` if the length is wrong or the point is not on the curve.
  package convenience init(
    algorithm: SignatureAlgorithm, coordinates: [[UInt8]]
  ) throws(KeyError) {
    try self.init(unproven: algorithm, coordinates: coordinates)
    guard context() != nil else { throw KeyError("a public key is no point of its curve") }
  }

  /// Makes a key from its coordinates, without checking that the point is on the curve.
  ///
  /// The first verification checks it. A key whose point is not on the curve verifies nothing.
  ///
  /// - Throws: `KeyError` if the length is wrong.
  init(unproven algorithm: SignatureAlgorithm, coordinates: [[UInt8]]) throws(KeyError) {
    let isWhole = coordinates.allSatisfy { $0.count == 32 }
    guard isWhole, coordinates.count == (algorithm.isEdwards ? 1 : 2) else {
      throw KeyError("a public key has coordinates of a wrong length")
    }
    self.algorithm = algorithm
    self.coordinates = coordinates
    kid = VerificationKey.thumbprint(algorithm, coordinates)
  }

  /// Precomputes OpenSSL's context and, for ES256, the multiples of the key.
  ///
  /// The multiples alone would be enough. But without the context, `check` was measured to hold 1
  /// MB more memory after load (`tools/bench check`).
  func prepare() {
    _ = context()
    if !algorithm.isEdwards { _ = multiples.get { KeyMultiples(of: coordinates) } }
  }

  /// Whether the multiples have been precomputed.
  var isPrepared: Bool { multiples.load() != nil }

  /// The verification context; nil if the point is not on the curve.
  private func context() -> PreparedContext? {
    prepared.get {
      let key: OpaquePointer?
      if algorithm.isEdwards {
        unsafe key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, coordinates[0], 32)
      } else {
        // OpenSSL refuses a point that is not on the curve.
        unsafe key = ts_p256([4] + coordinates[0] + coordinates[1], nil)
      }
      guard let key = unsafe key else { return nil }
      defer { unsafe EVP_PKEY_free(key) }
      let digest = unsafe algorithm.isEdwards ? nil : EVP_sha256()
      return unsafe PreparedContext(for: key) { context in
        unsafe EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1
      }
    }
  }

  /// Whether a signature of the message is valid for this key.
  ///
  /// RFC 7515 §5.2, RFC 7518 §3.4 (ES256: exactly r and s of 32 bytes), RFC 8037 §3.1.
  package func verify(_ signature: ArraySlice<UInt8>, over message: ArraySlice<UInt8>) -> Bool {
    guard signature.count == 64 else { return false }
    if let multiples = multiples.load() { return multiples.verify(signature, of: sha256(message)) }
    let presented = algorithm.isEdwards ? Array(signature) : ECDSASignature.der(signature)
    guard let presented, let context = context() else { return false }
    let isValid = unsafe context.withCopy { context in
      unsafe message.withUnsafeBufferPointer { message in
        unsafe EVP_DigestVerify(
          context, presented, presented.count, message.baseAddress, message.count) == 1
      }
    }
    guard isValid == true else {
      // OpenSSL has put the reason into the thread's error queue, which nobody reads.
      ERR_clear_error()
      return false
    }
    return true
  }

  /// The JWK members that define the key, sorted by name.
  ///
  /// The thumbprint covers exactly these.
  var members: [(String, JSON)] {
    VerificationKey.members(algorithm, coordinates)
  }

  private static func members(
    _ algorithm: SignatureAlgorithm, _ coordinates: [[UInt8]]
  ) -> [(String, JSON)] {
    let named = zip(["x", "y"], coordinates).map { ($0, JSON.string(Base64URL.encode($1))) }
    return [
      ("crv", .string(algorithm.isEdwards ? "Ed25519" : "P-256")),
      ("kty", .string(algorithm.isEdwards ? "OKP" : "EC")),
    ] + named
  }

  /// The JWK thumbprint (RFC 7638 §3, RFC 8037 §2).
  private static func thumbprint(
    _ algorithm: SignatureAlgorithm, _ coordinates: [[UInt8]]
  ) -> String {
    Base64URL.encode(
      sha256(JSON.object(JSONObject(members(algorithm, coordinates))).encode()))
  }
}
