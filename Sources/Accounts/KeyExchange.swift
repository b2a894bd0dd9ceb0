// Keys that several hosts share through a store on a server.
//
// The store holds key sets with the public keys, and the private keys in sealed form. Only the
// hosts that sign tokens have the key that opens them. Each key set is signed by a key of the
// previous set, so nobody who can write to the database can add a key.

/// A published version of the key set.
package struct PublishedKeySet: Equatable, Sendable {
  /// The number of the version; the first is 1.
  package let version: Int64
  /// The content of `set.json`.
  package let set: [UInt8]
  /// The `kid` of the key that signed the set.
  ///
  /// It is a key of the previous set; version 1 is signed by its own current key.
  package let signer: String
  package let signature: [UInt8]

  package init(version: Int64, set: [UInt8], signer: String, signature: [UInt8]) {
    self.version = version
    self.set = set
    self.signer = signer
    self.signature = signature
  }
}

/// A private key or the refresh secret, encrypted so that the store cannot read it.
package struct SealedSecret: Equatable, Sendable {
  /// The `kid` of the key, or the name of the secret.
  package let name: String
  package let sealed: [UInt8]

  package init(name: String, sealed: [UInt8]) {
    self.name = name
    self.sealed = sealed
  }
}

/// A host that uses the keys, and the version of the key set that it has.
package struct KeyHost: Equatable, Sendable {
  package let name: String
  package let version: Int64
  package let seenAt: NumericDate

  package init(name: String, version: Int64, seenAt: NumericDate) {
    self.name = name
    self.version = version
    self.seenAt = seenAt
  }

  /// The hosts that do not have a version yet.
  ///
  /// A key may sign, and an old key may be deleted, only when this list is empty: a host that does
  /// not know a key refuses its tokens.
  package static func lacking(_ version: Int64, of hosts: [KeyHost]) -> [KeyHost] {
    hosts.filter { $0.version < version }
  }
}

/// The place where hosts exchange their keys.
package protocol KeyExchange: Sendable {
  /// The sets with a later version, in the order of their versions.
  func keySets(after version: Int64) throws(StoreError) -> [PublishedKeySet]
  /// Publishes a set and its new sealed secrets, and deletes all secrets with other names.
  ///
  /// Returns false and changes nothing if another host has published this version.
  func publish(
    _ set: PublishedKeySet, adding sealed: [SealedSecret], keeping names: [String]
  ) throws(StoreError) -> Bool
  /// All sealed secrets.
  func sealedSecrets() throws(StoreError) -> [SealedSecret]
  /// Stores the version that a host has.
  func note(_ host: KeyHost) throws(StoreError)
  /// All hosts whose version is stored, in the order of their names.
  func keyHosts() throws(StoreError) -> [KeyHost]
  /// Deletes a host that no longer exists; returns false if it is not stored.
  func forgetHost(named name: String) throws(StoreError) -> Bool
}
