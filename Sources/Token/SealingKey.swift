import CCrypto
import Wire

/// The AES-256-GCM key that encrypts the secrets which hosts exchange through the store.
///
/// The hosts that sign have it in `keys/sealing.key`. It is never in the store: the administrator
/// copies it from host to host.
package struct SealingKey: Sendable {
  private let key: [UInt8]

  /// Makes a new random key.
  package static func generate() throws(KeyError) -> SealingKey {
    SealingKey(
      key: try KeyError.explaining { () throws(RandomError) in try Random.bytes(32) })
  }

  private init(key: [UInt8]) {
    self.key = key
  }

  /// Parses the content of a key file: one line of base64url; returns nil for anything else.
  init?(file: [UInt8]) {
    guard file.last == 0x0a, let key = Base64URL.decode(file.dropLast()), key.count == 32 else {
      return nil
    }
    self.key = key
  }

  /// The content of the key file.
  var file: [UInt8] { Base64URL.encodeBytes(key) + [0x0a] }

  /// Encrypts a secret, and binds it to its name, so that it cannot be opened under another name.
  ///
  /// - Returns: 12 random bytes, the ciphertext, and a tag of 16 bytes.
  package func seal(_ secret: [UInt8], as name: String) throws(KeyError) -> [UInt8] {
    let nonce = try KeyError.explaining { () throws(RandomError) in try Random.bytes(12) }
    let name = associated(name)
    var sealed = [UInt8](repeating: 0, count: secret.count)
    var tag = [UInt8](repeating: 0, count: 16)
    guard unsafe ts_seal(key, nonce, name, name.count, secret, secret.count, &sealed, &tag) == 1
    else { throw KeyError("OpenSSL cannot seal a secret") }
    return nonce + sealed + tag
  }

  /// Decrypts a secret; returns nil if it was sealed under another name or with another key.
  package func open(_ sealed: [UInt8], as name: String) -> [UInt8]? {
    guard sealed.count >= 28 else { return nil }
    let (nonce, body) = (Array(sealed.prefix(12)), Array(sealed.dropFirst(12).dropLast(16)))
    let name = associated(name)
    var secret = [UInt8](repeating: 0, count: body.count)
    let tag = Array(sealed.suffix(16))
    guard unsafe ts_open(key, nonce, name, name.count, body, body.count, tag, &secret) == 1 else {
      ERR_clear_error()
      return nil
    }
    return secret
  }

  private func associated(_ name: String) -> [UInt8] {
    Array("tallystick sealed secret\n\(name)".utf8)
  }
}
