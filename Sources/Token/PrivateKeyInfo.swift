// Parses PKCS #8 in exactly the form that OpenSSL writes: RFC 5958 §2 around RFC 5915 §3 for P-256,
// RFC 8410 §7 for Ed25519. There is one form for each algorithm, so parsing compares constant
// bytes.

import CCrypto

/// The numbers of a private key.
struct PrivateKeyInfo: Equatable {
  /// The private scalar of P-256 or the seed of Ed25519; 32 bytes.
  let number: [UInt8]
  /// x and y of the public point; empty for Ed25519, whose file does not contain it.
  let point: [UInt8]

  /// Parses the DER of a key of this algorithm; nil for any other form.
  init?(_ der: [UInt8], _ algorithm: SignatureAlgorithm) {
    let parts = algorithm.isEdwards ? PrivateKeyInfo.ed25519 : PrivateKeyInfo.p256
    var rest = der[...]
    var found: [[UInt8]] = []
    for part in parts {
      guard rest.starts(with: part.head), rest.count >= part.head.count + part.count else {
        return nil
      }
      found.append(Array(rest.dropFirst(part.head.count).prefix(part.count)))
      rest = rest.dropFirst(part.head.count + part.count)
    }
    guard rest.isEmpty else { return nil }
    number = found[0]
    point = found.dropFirst().first ?? []
  }

  /// Makes OpenSSL's object for the key, which the caller must free.
  ///
  /// - Returns: nil if the numbers are not a key of the curve.
  func openSSLKey(_ algorithm: SignatureAlgorithm) -> OpaquePointer? {
    let key: OpaquePointer?
    if algorithm.isEdwards {
      unsafe key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, number, 32)
    } else {
      unsafe key = ts_p256([4] + point, number.reversed())
    }
    if unsafe key == nil { ERR_clear_error() }
    return unsafe key
  }

  /// Constant bytes, and the number of key bytes that follow them.
  private typealias Part = (head: [UInt8], count: Int)

  private static let p256: [Part] = [
    (
      [
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30,
        0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
      ], 32
    ),
    ([0xa1, 0x44, 0x03, 0x42, 0x00, 0x04], 64),
  ]

  private static let ed25519: [Part] = [
    (
      [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
      ], 32
    )
  ]
}
