import CCrypto
import Synchronization

/// A private key with its public key.
///
/// The first signature makes OpenSSL's object and checks it against the public key in the file.
/// This is deferred because a CGI program that refuses a request signs nothing.
package final class SigningKey: Sendable {
  package let verification: VerificationKey
  private let info: PrivateKeyInfo
  private let prepared = AtomicLazyReference<PreparedContext>()

  package var kid: String { verification.kid }
  package var algorithm: SignatureAlgorithm { verification.algorithm }

  /// Makes a new key from the system's random source.
  ///
  /// - Throws: `KeyError` if OpenSSL fails.
  package static func generate(_ algorithm: SignatureAlgorithm) throws(KeyError) -> SigningKey {
    let made = unsafe algorithm.isEdwards ? ts_generate_ed25519() : ts_generate_p256()
    guard let made = unsafe made else { throw KeyError("cannot generate a key") }
    defer { unsafe EVP_PKEY_free(made) }
    return try SigningKey(pem: try unsafe pem(of: made), algorithm)
  }

  /// Parses PKCS #8 PEM in exactly the form that OpenSSL writes.
  ///
  /// - Throws: `KeyError` for anything but one key of this algorithm.
  package init(pem: [UInt8], _ algorithm: SignatureAlgorithm) throws(KeyError) {
    guard let der = SigningKey.der(pem), let info = PrivateKeyInfo(der, algorithm) else {
      throw KeyError("is no private key for \(algorithm.rawValue) in PKCS #8 PEM")
    }
    self.info = info
    if algorithm.isEdwards {
      // The file of an Ed25519 key does not contain the public key.
      guard let key = unsafe info.openSSLKey(algorithm) else { throw KeyError("is no Ed25519 key") }
      defer { unsafe EVP_PKEY_free(key) }
      verification = try VerificationKey(
        unproven: algorithm, coordinates: [unsafe SigningKey.edwardsPoint(of: key)])
    } else {
      verification = try VerificationKey(
        unproven: algorithm,
        coordinates: [Array(info.point.prefix(32)), Array(info.point.suffix(32))])
    }
  }

  /// Checks that the private key belongs to the public key.
  ///
  /// - Throws: `KeyError` if it does not, or if it is not a key of its curve.
  package func prove() throws(KeyError) {
    guard context() != nil else { throw KeyError("does not match its public half") }
  }

  /// The signing context, made and checked at the first call.
  ///
  /// - Returns: nil if the private key does not belong to the public key.
  private func context() -> PreparedContext? {
    prepared.get {
      guard let key = unsafe info.openSSLKey(algorithm) else { return nil }
      defer { unsafe EVP_PKEY_free(key) }
      let digest = unsafe algorithm.isEdwards ? nil : EVP_sha256()
      let made = unsafe PreparedContext(for: key) { context in
        unsafe EVP_DigestSignInit(context, nil, digest, nil, key) == 1
      }
      let probe = Array(kid.utf8)
      guard let made, let signature = try? sign(probe, with: made),
        verification.verify(signature[...], over: probe[...])
      else { return nil }
      return made
    }
  }

  /// Signs a message, and returns the signature in the form of a JWS: 64 bytes.
  ///
  /// - Throws: `TokenError.signing` if OpenSSL fails or the key does not match its public key.
  package func sign(_ message: [UInt8]) throws(TokenError) -> [UInt8] {
    guard let prepared = context() else { throw .signing }
    return try sign(message, with: prepared)
  }

  private func sign(
    _ message: [UInt8], with prepared: PreparedContext
  ) throws(TokenError) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: 80)
    var count = signature.count
    let isSigned = unsafe prepared.withCopy { context in
      unsafe EVP_DigestSign(context, &signature, &count, message, message.count) == 1
    }
    guard isSigned == true else { throw .signing }
    signature.removeLast(signature.count - count)
    guard !algorithm.isEdwards else { return signature }
    guard let raw = ECDSASignature.raw(signature) else { throw .signing }
    return raw
  }

  /// Encodes the key as PKCS #8 PEM.
  ///
  /// - Throws: `KeyError` if OpenSSL fails.
  package func pem() throws(KeyError) -> [UInt8] {
    guard context() != nil, let key = unsafe info.openSSLKey(algorithm) else {
      throw KeyError("cannot write a key")
    }
    defer { unsafe EVP_PKEY_free(key) }
    return try unsafe SigningKey.pem(of: key)
  }

  private static func pem(of key: OpaquePointer) throws(KeyError) -> [UInt8] {
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

  /// Decodes the PEM of an unencrypted PKCS #8 key to DER; nil for anything else.
  ///
  /// RFC 7468 §10.
  private static func der(_ pem: [UInt8]) -> [UInt8]? {
    guard let source = unsafe BIO_new_mem_buf(pem, Int32(pem.count)) else { return nil }
    var name: UnsafeMutablePointer<CChar>?
    var header: UnsafeMutablePointer<CChar>?
    var data: UnsafeMutablePointer<UInt8>?
    var count = 0
    defer {
      unsafe BIO_free(source)
      unsafe ts_free(name)
      unsafe ts_free(header)
      unsafe ts_free(data)
    }
    guard unsafe PEM_read_bio(source, &name, &header, &data, &count) == 1,
      let label = unsafe name, unsafe String(cString: label) == "PRIVATE KEY"
    else {
      ERR_clear_error()
      return nil
    }
    return unsafe Array(UnsafeBufferPointer(start: data, count: count))
  }

  private static func edwardsPoint(of key: OpaquePointer) -> [UInt8] {
    var point = [UInt8](repeating: 0, count: 32)
    var count = point.count
    return unsafe EVP_PKEY_get_raw_public_key(key, &point, &count) == 1 ? point : []
  }
}
