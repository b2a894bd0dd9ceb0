// Exchanges keys between hosts through the store.
//
// A key signs one version after its publication at the earliest, and a version is published only
// after every host has the previous one. So every host knows the key of every token that it gets.
// The programs of a host read only its own files, which this code keeps up to date.

package import Accounts
import Glibc
import System

/// The key directory of a host, and the place where it exchanges keys with other hosts.
package struct SharedKeys: Sendable {
  package let directory: KeyDirectory
  private let exchange: any KeyExchange
  private let host: String

  private static let refreshSecret = "refresh secret"

  /// - Parameters:
  ///   - directory: The key directory of this host.
  ///   - exchange: The place where hosts exchange keys.
  ///   - host: The name of this host.
  package init(directory: KeyDirectory, exchange: any KeyExchange, host: String) {
    self.directory = directory
    self.exchange = exchange
    self.host = host
  }

  /// Publishes the keys of this host as version 1, and makes the sealing key.
  ///
  /// If keys are published already, it does nothing.
  package func start(at now: NumericDate) throws {
    guard try exchange.keySets(after: 0).isEmpty else { return }
    try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      if !directory.hasSealingKey { try directory.writeSealingKey(try SealingKey.generate()) }
      var set = try directory.load()
      set.version = 1
      guard let signer = set.current else { throw KeyError("there is no current key") }
      try publish(
        set, signedBy: signer,
        adding: try directory.privateKeys(of: set)
          + [(SharedKeys.refreshSecret, try directory.refreshSecretFile())], at: now)
    }
  }

  /// Installs the versions that other hosts have published.
  ///
  /// A host without the sealing key gets only the public keys.
  ///
  /// - Returns: The version that this host has now.
  /// - Throws: `KeyError` if a set is not signed by a key that this host knows, or if a file cannot
  ///   be read or written.
  @discardableResult
  package func synchronize(at now: NumericDate) throws -> Int64 {
    try KeyFile.explained { () throws(FileError) in
      try Directory.make(directory.path, mode: 0o755)
    }
    return try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      try catchUp(at: now)
    }
  }

  /// Rotates the keys on this host; the other hosts follow.
  ///
  /// - Returns: The `kid` of the new current key; nil if there is no next key.
  /// - Throws: `KeyError` while a host does not have the latest version.
  package func rotate(at now: NumericDate, algorithm: SignatureAlgorithm?) throws -> String? {
    try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      let set = try settled(at: now)
      guard let change = try directory.rotation(of: set, at: now, algorithm) else { return nil }
      try publish(
        change.set, signedBy: set.current,
        adding: [(change.added.kid, try change.added.pem())], at: now)
      return change.set.current?.kid
    }
  }

  /// Removes previous keys.
  ///
  /// - Returns: The `kid`s of the removed keys.
  /// - Throws: `KeyError` while a host does not have the latest version.
  package func retire(kid: String?, at now: NumericDate) throws -> [String] {
    try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      let set = try settled(at: now)
      let (rest, retired) = try directory.retirement(of: set, kid: kid)
      guard !retired.isEmpty else { return [] }
      try publish(rest, signedBy: set.current, adding: [], at: now)
      return retired
    }
  }

  /// The latest version of the keys, if all hosts have it.
  private func settled(at now: NumericDate) throws(KeyError) -> KeySet {
    let version = try catchUp(at: now)
    let lacking = KeyHost.lacking(
      version, of: try asking { () throws(StoreError) in try exchange.keyHosts() })
    guard lacking.isEmpty else {
      throw KeyError(
        "these hosts do not have version \(version) of the keys yet: "
          + lacking.map(\.name).joined(separator: ", ")
          + "; run `tallystick key sync` there, or `tallystick key forget-host NAME`")
    }
    return try directory.load()
  }

  private func catchUp(at now: NumericDate) throws(KeyError) -> Int64 {
    var set = directory.exists ? try directory.load() : nil
    let before = set?.version ?? 0
    for published in try asking({ () throws(StoreError) in try exchange.keySets(after: before) }) {
      let next = try KeySet(published.set)
      // A host without keys accepts the first set that it sees if a key of the same set signed it.
      let signer = (set ?? next).keys.first { $0.kid == published.signer }
      guard next.version == published.version, published.version == (set?.version ?? 0) + 1,
        let signer, signer.key.verify(published.signature[...], over: message(published.set)[...])
      else {
        throw KeyError(
          "version \(published.version) of the keys in the store is not signed by a key that "
            + "this host knows")
      }
      set = next
    }
    guard let set, let version = set.version else {
      throw KeyError("the store has no keys to share: `tallystick init` publishes them")
    }
    if version != before { try install(set) }
    try note(version, at: now)
    return version
  }

  /// Writes the files of a set: the private keys first, and the set last.
  private func install(_ set: KeySet) throws(KeyError) {
    if directory.hasSealingKey {
      let key = try directory.sealingKey()
      let sealed = try asking { () throws(StoreError) in try exchange.sealedSecrets() }
      for secret in sealed {
        guard let opened = key.open(secret.sealed, as: secret.name) else {
          throw KeyError("\(directory.sealingFile) does not open what the other hosts sealed")
        }
        if secret.name == SharedKeys.refreshSecret {
          try directory.writeRefreshSecretFile(opened)
        } else if let listed = set.keys.first(where: { $0.kid == secret.name }) {
          try directory.writePrivateKey(opened, of: listed)
        }
      }
    }
    try directory.replaceSet(by: set)
  }

  private func publish(
    _ set: KeySet, signedBy signer: ListedKey?, adding secrets: [(name: String, secret: [UInt8])],
    at now: NumericDate
  ) throws(KeyError) {
    guard let version = set.version, let signer, directory.hasSealingKey else {
      throw KeyError("this host only checks: keys are changed on a host that signs")
    }
    let key = try directory.sealingKey()
    var sealed: [SealedSecret] = []
    for (name, secret) in secrets {
      sealed.append(SealedSecret(name: name, sealed: try key.seal(secret, as: name)))
    }
    let signature: [UInt8]
    let signing = try directory.signingKey(signer)
    do throws(TokenError) {
      signature = try signing.sign(message(set.file))
    } catch {
      throw KeyError(error.reason)
    }
    let published = PublishedKeySet(
      version: version, set: set.file, signer: signer.kid, signature: signature)
    let isFirst = try asking { () throws(StoreError) in
      try exchange.publish(
        published, adding: sealed, keeping: set.keys.map(\.kid) + [SharedKeys.refreshSecret])
    }
    guard isFirst else { throw KeyError("another host changed the keys just now: try again") }
    for (name, secret) in secrets {
      guard let listed = set.keys.first(where: { $0.kid == name }) else { continue }
      try directory.writePrivateKey(secret, of: listed)
    }
    try directory.replaceSet(by: set)
    try note(version, at: now)
  }

  private func note(_ version: Int64, at now: NumericDate) throws(KeyError) {
    try asking { () throws(StoreError) in
      try exchange.note(KeyHost(name: host, version: version, seenAt: now))
    }
  }

  /// The bytes that the signature of a set covers.
  ///
  /// They begin with a line, so that they are never the signing input of a token, which contains no
  /// line break (RFC 7515 §5.1).
  private func message(_ set: [UInt8]) -> [UInt8] {
    Array("tallystick key set\n".utf8) + set
  }
}

private func asking<T>(_ body: () throws(StoreError) -> T) throws(KeyError) -> T {
  do throws(StoreError) {
    return try body()
  } catch {
    throw KeyError(error.reason)
  }
}
