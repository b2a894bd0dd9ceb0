import CCrypto
import Wire

/// The key under which hosts that sign leave their secrets for each other: AES-256-GCM.
///
/// It lies in `keys/sealing.key` of these hosts and never in the store. The administrator carries it
/// from host to host.
package struct SealingKey: Sendable {
  private let key: [UInt8]

  /// A new key.
  package static func generate() throws(KeyError) -> SealingKey {
    SealingKey(
      key: try KeyError.explaining { () throws(RandomError) in try Random.bytes(32) })
  }

  private init(key: [UInt8]) {
    self.key = key
  }

  /// Reads a key as it lies in its file: base64url in one line; nil for anything else.
  init?(file: [UInt8]) {
    guard file.last == 0x0a, let key = Base64URL.decode(file.dropLast()), key.count == 32 else {
      return nil
    }
    self.key = key
  }

  /// The content of its file.
  var file: [UInt8] { Base64URL.encodeBytes(key) + [0x0a] }

  /// Seals a secret under its name, so that it cannot be opened as another.
  ///
  /// - Returns: 12 random bytes, what was encrypted, and a tag of 16 bytes.
  package func seal(_ secret: [UInt8], as name: String) throws(KeyError) -> [UInt8] {
    let nonce = try KeyError.explaining { () throws(RandomError) in try Random.bytes(12) }
    let name = associated(name)
    var sealed = [UInt8](repeating: 0, count: secret.count)
    var tag = [UInt8](repeating: 0, count: 16)
    guard unsafe ts_seal(key, nonce, name, name.count, secret, secret.count, &sealed, &tag) == 1
    else { throw KeyError("OpenSSL cannot seal a secret") }
    return nonce + sealed + tag
  }

  /// Opens what was sealed under this name; nil if it was not, or under another key.
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
