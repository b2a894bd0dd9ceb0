import CCrypto
import Synchronization
import Wire

/// The public half of a signing key.
package final class VerificationKey: Sendable {
  package let algorithm: SignatureAlgorithm
  /// x and y, or the one coordinate of an Edwards curve; 32 bytes each.
  let coordinates: [[UInt8]]
  /// The RFC 7638 thumbprint, base64url.
  package let kid: String
  private let prepared = AtomicLazyReference<PreparedContext>()
  private let multiples = AtomicLazyReference<KeyMultiples>()

  /// Makes a key of its coordinates.
  ///
  /// - Throws: `KeyError` for a point that is not on the curve, or of another length.
  package convenience init(
    algorithm: SignatureAlgorithm, coordinates: [[UInt8]]
  ) throws(KeyError) {
    try self.init(unproven: algorithm, coordinates: coordinates)
    guard context() != nil else { throw KeyError("a public key is no point of its curve") }
  }

  /// Makes a key of coordinates that are proven when they are first used: one that is no point of
  /// its curve verifies nothing.
  ///
  /// - Throws: `KeyError` for coordinates of another length.
  init(unproven algorithm: SignatureAlgorithm, coordinates: [[UInt8]]) throws(KeyError) {
    let isWhole = coordinates.allSatisfy { $0.count == 32 }
    guard isWhole, coordinates.count == (algorithm.isEdwards ? 1 : 2) else {
      throw KeyError("a public key has coordinates of a wrong length")
    }
    self.algorithm = algorithm
    self.coordinates = coordinates
    kid = VerificationKey.thumbprint(algorithm, coordinates)
  }

  /// Makes ready what many verifications will need: OpenSSL's context, and an ES256 key's multiples.
  ///
  /// Both, though multiples alone would do: without the context `check` was measured to hold 1 MB
  /// more after load (`tools/bench check`).
  func prepare() {
    _ = context()
    if !algorithm.isEdwards { _ = multiples.get { KeyMultiples(of: coordinates) } }
  }

  /// Whether its multiples are there.
  var isPrepared: Bool { multiples.load() != nil }

  /// The prepared context; nil if the coordinates are no point of the curve.
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

  /// Whether a signature is this key's over these bytes.
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
      // A refused signature leaves its reason in the thread's queue, which nobody reads.
      ERR_clear_error()
      return false
    }
    return true
  }

  /// The members that make the key, sorted by name: what is public, and what is thumbprinted.
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

  /// RFC 7638 §3; RFC 8037 §2.
  private static func thumbprint(
    _ algorithm: SignatureAlgorithm, _ coordinates: [[UInt8]]
  ) -> String {
    Base64URL.encode(
      sha256(JSON.object(JSONObject(members(algorithm, coordinates))).encode()))
  }
}
