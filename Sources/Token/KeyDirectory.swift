// The key directory STATE/keys:
//
//   set.json          0644  the public keys and their status; this file alone says which key signs
//   private/KID.pem   0400  one private key, PKCS #8
//   refresh.secret    0400  the secret of refresh tokens, 256 bits as base64url
//   sealing.key       0400  the key that encrypts secrets which hosts exchange through the store
//
// A private key is written before the set lists it, and deleted after the set no longer lists it.
// So a crash between two steps leaves a set with all its keys; at worst one unused private key
// remains. A lock on the directory serializes changes.

package import Accounts
import CSystem
import Glibc
import System
import Wire

/// The key directory, with the operations of the administrator.
package struct KeyDirectory: Sendable {
  package let path: String

  package init(path: String) {
    self.path = path
  }

  var setFile: String { path + "/set.json" }
  var secretFile: String { path + "/refresh.secret" }
  private var privateDirectory: String { path + "/private" }
  func privateFile(_ kid: String) -> String { "\(privateDirectory)/\(kid).pem" }

  /// Whether there is a key set.
  package var exists: Bool { unsafe access(setFile, F_OK) == 0 }

  /// Creates the directory with a current and a next key, and the refresh secret.
  ///
  /// If a crash has left a directory without a set, this starts again.
  ///
  /// - Throws: `KeyError` if there is a set already, or if the system refuses.
  package func create(algorithm: SignatureAlgorithm, at now: NumericDate) throws(KeyError) {
    try KeyFile.explained { () throws(FileError) in try Directory.make(path, mode: 0o755) }
    try KeyFile.exclusively(in: path) { () throws(KeyError) in
      try fill(algorithm, at: now)
    }
  }

  private func fill(_ algorithm: SignatureAlgorithm, at now: NumericDate) throws(KeyError) {
    guard !exists else { throw KeyError("\(setFile) exists: keys are rotated, never replaced") }
    try KeyFile.explained { () throws(FileError) in
      try Directory.make(privateDirectory, mode: 0o700)
    }
    let secret: [UInt8]
    do throws(RandomError) {
      secret = try Random.bytes(32)
    } catch {
      throw KeyError(error.reason)
    }
    try write(Base64URL.encodeBytes(secret) + [0x0a], to: secretFile, mode: 0o400)
    let current = try make(algorithm, .current, at: now)
    let next = try make(algorithm, .next, at: now)
    try write(KeySet(keys: [current, next]).file, to: setFile, mode: 0o644)
  }

  /// Reads the keys of the set.
  ///
  /// - Throws: `KeyError` if there is no valid set.
  package func list() throws(KeyError) -> [ListedKey] {
    try load().keys
  }

  /// Rotates the keys: the next key becomes current, the current key becomes previous, and a new
  /// next key is made.
  ///
  /// - Parameters:
  ///   - now: The time of creation of the new key.
  ///   - algorithm: The algorithm of the new key; nil for the algorithm of the new current key.
  /// - Returns: The `kid` of the new current key; nil if there is no next key.
  /// - Throws: `KeyError` if a key cannot be read or written; the set is then unchanged.
  package func rotate(
    at now: NumericDate, algorithm: SignatureAlgorithm?
  ) throws(KeyError) -> String? {
    try KeyFile.exclusively(in: path) { () throws(KeyError) in
      try turn(at: now, algorithm)
    }
  }

  private func turn(
    at now: NumericDate, _ algorithm: SignatureAlgorithm?
  ) throws(KeyError) -> String? {
    guard let change = try rotation(of: try load(), at: now, algorithm) else { return nil }
    try write(try change.added.pem(), to: privateFile(change.added.kid), mode: 0o400)
    try write(change.set.file, to: setFile, mode: 0o644)
    return change.set.current?.kid
  }

  /// The set after a rotation, and the new private key; nil if there is no next key.
  ///
  /// It writes nothing.
  func rotation(
    of set: KeySet, at now: NumericDate, _ algorithm: SignatureAlgorithm?
  ) throws(KeyError) -> (set: KeySet, added: SigningKey)? {
    var set = set
    guard let next = set.keys.firstIndex(where: { $0.status == .next }) else { return nil }
    let chosen = set.keys[next]
    // The key that will sign must be readable before the set makes it current.
    try signingKey(chosen).prove()
    for index in set.keys.indices where set.keys[index].status == .current {
      set.keys[index].status = .previous
    }
    set.keys[next].status = .current
    let added = try SigningKey.generate(algorithm ?? chosen.algorithm)
    set.keys.append(ListedKey(key: added.verification, status: .next, createdAt: now))
    set.version = set.version.map { $0 + 1 }
    return (set, added)
  }

  /// Removes previous keys, so that the tokens that they signed are refused from now on.
  ///
  /// - Parameter kid: The key to remove; nil for all previous keys.
  /// - Returns: The `kid`s of the removed keys.
  /// - Throws: `KeyError` if the key is not a previous one, or if the system refuses.
  package func retire(kid: String?) throws(KeyError) -> [String] {
    try KeyFile.exclusively(in: path) { () throws(KeyError) in try forget(kid) }
  }

  private func forget(_ kid: String?) throws(KeyError) -> [String] {
    let (set, retired) = try retirement(of: try load(), kid: kid)
    if !retired.isEmpty { try replaceSet(by: set) }
    return retired
  }

  /// The set without its previous keys, or without one of them.
  ///
  /// - Throws: `KeyError` if the key is not a previous one.
  func retirement(
    of set: KeySet, kid: String?
  ) throws(KeyError) -> (set: KeySet, retired: [String]) {
    var set = set
    if let kid, set.keys.first(where: { $0.kid == kid })?.status != .previous {
      throw KeyError("\(kid) is no previous key: rotate first")
    }
    let retired = set.keys.filter { $0.status == .previous && (kid == nil || $0.kid == kid) }
      .map(\.kid)
    set.keys.removeAll { retired.contains($0.kid) }
    if !retired.isEmpty { set.version = set.version.map { $0 + 1 } }
    return (set, retired)
  }

  /// Replaces the set, and deletes the private keys that it no longer lists.
  func replaceSet(by set: KeySet) throws(KeyError) {
    let former = exists ? try load().keys.map(\.kid) : []
    try write(set.file, to: setFile, mode: 0o644)
    let forgotten = former.filter { kid in !set.keys.contains { $0.kid == kid } }
    guard !forgotten.isEmpty, unsafe access(privateDirectory, F_OK) == 0 else { return }
    for kid in forgotten { _ = unsafe unlink(privateFile(kid)) }
    try KeyFile.explained { () throws(FileError) in try Directory.synchronize(privateDirectory) }
  }

  func load() throws(KeyError) -> KeySet {
    let bytes = try KeyFile.read(setFile, secret: false)
    do throws(KeyError) {
      return try KeySet(bytes)
    } catch {
      throw KeyError("\(setFile) \(error.reason)")
    }
  }

  /// Reads the private key of a listed key.
  func signingKey(_ listed: ListedKey) throws(KeyError) -> SigningKey {
    let file = privateFile(listed.kid)
    let bytes = try KeyFile.read(file, secret: true)
    do throws(KeyError) {
      let key = try SigningKey(pem: bytes, listed.algorithm)
      guard key.kid == listed.kid else { throw KeyError("is not the key its name says") }
      return key
    } catch {
      throw KeyError("\(file) \(error.reason)")
    }
  }

  /// Reads the secret of refresh tokens.
  func refreshSecret() throws(KeyError) -> [UInt8] {
    let text = try KeyFile.read(secretFile, secret: true)
    guard text.last == 0x0a, let secret = Base64URL.decode(text.dropLast()), secret.count == 32
    else { throw KeyError("\(secretFile) is not 32 bytes of base64url in one line") }
    return secret
  }

  var sealingFile: String { path + "/sealing.key" }

  /// Whether this host can open sealed secrets, which means that it signs.
  package var hasSealingKey: Bool { unsafe access(sealingFile, F_OK) == 0 }

  func sealingKey() throws(KeyError) -> SealingKey {
    guard let key = SealingKey(file: try KeyFile.read(sealingFile, secret: true)) else {
      throw KeyError("\(sealingFile) is not 32 bytes of base64url in one line")
    }
    return key
  }

  func writeSealingKey(_ key: SealingKey) throws(KeyError) {
    try write(key.file, to: sealingFile, mode: 0o400)
  }

  /// Reads the private keys of a set; their names are their `kid`s.
  func privateKeys(of set: KeySet) throws(KeyError) -> [(name: String, secret: [UInt8])] {
    var found: [(name: String, secret: [UInt8])] = []
    for listed in set.keys {
      try signingKey(listed).prove()
      found.append((listed.kid, try KeyFile.read(privateFile(listed.kid), secret: true)))
    }
    return found
  }

  /// Writes the private key of a listed key, if it belongs to that key.
  func writePrivateKey(_ pem: [UInt8], of listed: ListedKey) throws(KeyError) {
    let key = try SigningKey(pem: pem, listed.algorithm)
    guard key.kid == listed.kid else {
      throw KeyError("a private key is not the one its name says")
    }
    try KeyFile.explained { () throws(FileError) in
      try Directory.make(privateDirectory, mode: 0o700)
    }
    try write(pem, to: privateFile(listed.kid), mode: 0o400)
  }

  func refreshSecretFile() throws(KeyError) -> [UInt8] {
    _ = try refreshSecret()
    return try KeyFile.read(secretFile, secret: true)
  }

  func writeRefreshSecretFile(_ bytes: [UInt8]) throws(KeyError) {
    try write(bytes, to: secretFile, mode: 0o400)
  }

  private func make(
    _ algorithm: SignatureAlgorithm, _ status: KeyStatus, at now: NumericDate
  ) throws(KeyError) -> ListedKey {
    let key = try SigningKey.generate(algorithm)
    try write(try key.pem(), to: privateFile(key.kid), mode: 0o400)
    return ListedKey(key: key.verification, status: status, createdAt: now)
  }

  private func write(_ bytes: [UInt8], to file: String, mode: mode_t) throws(KeyError) {
    try KeyFile.explained { () throws(FileError) in
      try File.replace(file, with: bytes, mode: mode)
    }
  }
}
