import CCrypto
import Wire

/// A private key, and its public half.
@safe package final class SigningKey: @unchecked Sendable {
  package let verification: VerificationKey
  private let key: OpaquePointer

  package var kid: String { verification.kid }
  package var algorithm: SignatureAlgorithm { verification.algorithm }

  /// Makes a new key from the system's random source.
  ///
  /// - Throws: `KeyError` if OpenSSL cannot.
  package static func generate(_ algorithm: SignatureAlgorithm) throws(KeyError) -> SigningKey {
    let made = unsafe algorithm.isEdwards ? ts_generate_ed25519() : ts_generate_p256()
    guard let made = unsafe made else { throw KeyError("cannot generate a key") }
    return unsafe try SigningKey(taking: made, algorithm)
  }

  /// Reads a key from PKCS #8 PEM.
  ///
  /// - Throws: `KeyError` for anything but one key of this algorithm.
  package convenience init(pem: [UInt8], _ algorithm: SignatureAlgorithm) throws(KeyError) {
    guard let source = unsafe BIO_new_mem_buf(pem, Int32(pem.count)) else {
      throw KeyError("no memory for a key")
    }
    defer { unsafe BIO_free(source) }
    // The callback that gives no password: an encrypted key is refused and nobody is asked.
    guard let read = unsafe PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
      ERR_clear_error()
      throw KeyError("is no private key in PKCS #8 PEM")
    }
    unsafe try self.init(taking: read, algorithm)
  }

  private init(taking made: OpaquePointer, _ algorithm: SignatureAlgorithm) throws(KeyError) {
    unsafe key = made
    do throws(KeyError) {
      verification = try VerificationKey(
        algorithm: algorithm, coordinates: unsafe try SigningKey.coordinates(made, algorithm))
    } catch {
      unsafe EVP_PKEY_free(made)
      throw error
    }
  }

  deinit {
    unsafe EVP_PKEY_free(key)
  }

  /// The signature in the form a JWS carries: 64 bytes.
  ///
  /// - Throws: `TokenError.signing` if OpenSSL cannot.
  package func sign(_ message: [UInt8]) throws(TokenError) -> [UInt8] {
    guard let context = unsafe EVP_MD_CTX_new() else { throw .signing }
    defer { unsafe EVP_MD_CTX_free(context) }
    let digest = unsafe algorithm.isEdwards ? nil : EVP_sha256()
    var signature = [UInt8](repeating: 0, count: 80)
    var count = signature.count
    guard unsafe EVP_DigestSignInit(context, nil, digest, nil, key) == 1,
      unsafe EVP_DigestSign(context, &signature, &count, message, message.count) == 1
    else { throw .signing }
    signature.removeLast(signature.count - count)
    guard !algorithm.isEdwards else { return signature }
    guard let raw = ECDSASignature.raw(signature) else { throw .signing }
    return raw
  }

  /// The key as PKCS #8 PEM.
  ///
  /// - Throws: `KeyError` if OpenSSL cannot.
  package func pem() throws(KeyError) -> [UInt8] {
    guard let sink = unsafe BIO_new(BIO_s_mem()) else { throw KeyError("no memory for a key") }
    defer { unsafe BIO_free(sink) }
    guard unsafe PEM_write_bio_PKCS8PrivateKey(sink, key, nil, nil, 0, nil, nil) == 1 else {
      throw KeyError("cannot write a key")
    }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe BIO_read(sink, &bytes, Int32(bytes.count))
    guard count > 0 else { throw KeyError("cannot write a key") }
    return Array(bytes.prefix(Int(count)))
  }

  /// The public coordinates of a private key, which also tells whether it is of the algorithm.
  private static func coordinates(
    _ key: OpaquePointer, _ algorithm: SignatureAlgorithm
  ) throws(KeyError) -> [[UInt8]] {
    var information = [UInt8](repeating: 0, count: 512)
    let count = unsafe information.withUnsafeMutableBufferPointer { bytes in
      // i2d moves the pointer, so it gets one of its own; 512 bytes hold every key of ours, and
      // the length is asked for first.
      guard unsafe i2d_PUBKEY(key, nil) <= 512 else { return Int32(-1) }
      var cursor = bytes.baseAddress
      return unsafe i2d_PUBKEY(key, &cursor)
    }
    let found = information.prefix(Int(max(0, count)))
    let prefix = algorithm.isEdwards ? ed25519Info : subjectPublicKeyInfo
    guard found.starts(with: prefix), found.count == prefix.count + (algorithm.isEdwards ? 32 : 64)
    else { throw KeyError("is no key for \(algorithm.rawValue)") }
    let point = Array(found.dropFirst(prefix.count))
    return algorithm.isEdwards ? [point] : [Array(point.prefix(32)), Array(point.suffix(32))]
  }
}

/// The DER that precedes an Ed25519 public key.
///
/// RFC 8410 §4.
private let ed25519Info: [UInt8] = [
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
]
