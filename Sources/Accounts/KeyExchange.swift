// Keys that several hosts share through a store on a server.
//
// The store holds public sets that everybody may read, and private halves that it cannot read: they
// are sealed under a key that only the hosts have which sign. A set is signed by a key of the set
// before it, so whoever can write to the database cannot add a key of his own.

/// One version of the public keys, as it is published.
package struct PublishedKeySet: Equatable, Sendable {
  /// Counts from 1.
  package let version: Int64
  /// The content of `set.json`.
  package let set: [UInt8]
  /// The `kid` of the key that signed it, one of the set before; of version 1, its own current key.
  package let signer: String
  package let signature: [UInt8]

  package init(version: Int64, set: [UInt8], signer: String, signature: [UInt8]) {
    self.version = version
    self.set = set
    self.signer = signer
    self.signature = signature
  }
}

/// A private key or the refresh secret, which the store cannot read.
package struct SealedSecret: Equatable, Sendable {
  /// The `kid`, or the name of the secret.
  package let name: String
  package let sealed: [UInt8]

  package init(name: String, sealed: [UInt8]) {
    self.name = name
    self.sealed = sealed
  }
}

/// A host that uses the keys, and which version it has.
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
  /// Before one of its keys may sign, or a key may be forgotten, there must be none: a host that does
  /// not know a key refuses its tokens.
  package static func lacking(_ version: Int64, of hosts: [KeyHost]) -> [KeyHost] {
    hosts.filter { $0.version < version }
  }
}

/// Where hosts leave their keys for each other.
package protocol KeyExchange: Sendable {
  /// The sets with a version beyond this, in their order.
  func keySets(after version: Int64) throws(StoreError) -> [PublishedKeySet]
  /// Publishes a set with the sealed secrets that are new, and forgets those of other names than these.
  ///
  /// False, and nothing done, if another host has published this version.
  func publish(
    _ set: PublishedKeySet, adding sealed: [SealedSecret], keeping names: [String]
  ) throws(StoreError) -> Bool
  /// Everything that is sealed.
  func sealedSecrets() throws(StoreError) -> [SealedSecret]
  /// Notes which version a host has.
  func note(_ host: KeyHost) throws(StoreError)
  /// The hosts that were noted, by name.
  func keyHosts() throws(StoreError) -> [KeyHost]
  /// Forgets a host that is there no more; false if there is none.
  func forgetHost(named name: String) throws(StoreError) -> Bool
}
