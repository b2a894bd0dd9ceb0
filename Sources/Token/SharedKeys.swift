// The keys of several hosts, which they leave for each other in the store.
//
// A key signs at the earliest one version after it was published, and a version is published only
// when every host has the one before. So no host ever meets a token whose key it does not know. The
// files of a host stay what its programs read; this brings them up to date.

package import Accounts
import Glibc
import System

/// A host's key directory, and the place where it exchanges keys with the others.
package struct SharedKeys: Sendable {
  package let directory: KeyDirectory
  private let exchange: any KeyExchange
  private let host: String

  private static let refreshSecret = "refresh secret"

  /// - Parameters:
  ///   - directory: The key directory of this host.
  ///   - exchange: Where hosts leave their keys.
  ///   - host: The name of this host among them.
  package init(directory: KeyDirectory, exchange: any KeyExchange, host: String) {
    self.directory = directory
    self.exchange = exchange
    self.host = host
  }

  /// Publishes this host's keys as the first that are shared, and makes the key that seals secrets.
  ///
  /// Nothing happens where keys are shared already.
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

  /// Takes over what other hosts have published.
  ///
  /// A host that has no sealing key gets public halves alone.
  ///
  /// - Returns: The version that this host has now.
  /// - Throws: `KeyError` for a set that no key signed which this host knows, or for a file.
  @discardableResult
  package func synchronize(at now: NumericDate) throws -> Int64 {
    try KeyFile.explained { () throws(FileError) in
      try Directory.make(directory.path, mode: 0o755)
    }
    return try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      try catchUp(at: now)
    }
  }

  /// Signs with the next key from now on, on this host; the others follow.
  ///
  /// - Returns: The `kid`, or nil if there is no next key.
  /// - Throws: `KeyError` while a host does not have the keys as they are.
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

  /// Forgets previous keys.
  ///
  /// - Returns: The `kid`s retired.
  /// - Throws: `KeyError` while a host does not have the keys as they are.
  package func retire(kid: String?, at now: NumericDate) throws -> [String] {
    try KeyFile.exclusively(in: directory.path) { () throws(KeyError) in
      let set = try settled(at: now)
      let (rest, retired) = try directory.retirement(of: set, kid: kid)
      guard !retired.isEmpty else { return [] }
      try publish(rest, signedBy: set.current, adding: [], at: now)
      return retired
    }
  }

  /// The keys as all hosts have them.
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
      // The first that a new host sees is signed by itself.
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

  /// Writes the files of a set: private halves first, the set last.
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

  /// What a set's signature is over; no token's signing input has a line break (RFC 7515 §5.1).
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
