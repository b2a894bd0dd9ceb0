import Accounts
import Foundation
import Testing
import Threads

@testable import Token

/// What hosts leave for each other, in memory.
private final class Exchange: KeyExchange {
  struct State {
    var sets: [PublishedKeySet] = []
    var sealed: [SealedSecret] = []
    var hosts: [KeyHost] = []
  }

  let state = Locked(State())

  func keySets(after version: Int64) -> [PublishedKeySet] {
    state.withLock { $0.sets.filter { $0.version > version } }
  }

  func publish(
    _ set: PublishedKeySet, adding sealed: [SealedSecret], keeping names: [String]
  ) -> Bool {
    state.withLock { state in
      guard !state.sets.contains(where: { $0.version == set.version }) else { return false }
      state.sets.append(set)
      state.sealed = (state.sealed + sealed).filter { names.contains($0.name) }
      return true
    }
  }

  func sealedSecrets() -> [SealedSecret] { state.withLock { $0.sealed } }

  func note(_ host: KeyHost) {
    state.withLock { state in
      state.hosts.removeAll { $0.name == host.name }
      state.hosts.append(host)
    }
  }

  func keyHosts() -> [KeyHost] { state.withLock { $0.hosts } }

  func forgetHost(named name: String) -> Bool {
    state.withLock { state in
      let count = state.hosts.count
      state.hosts.removeAll { $0.name == name }
      return state.hosts.count < count
    }
  }
}

/// Several hosts with directories of their own.
private final class Hosts {
  let folder = NSTemporaryDirectory() + "keys-" + UUID().uuidString
  let exchange = Exchange()

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let first = host("a")
    try first.directory.create(algorithm: .es256, at: t)
    try first.start(at: t)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func host(_ name: String) -> SharedKeys {
    SharedKeys(
      directory: KeyDirectory(path: "\(folder)/\(name)"), exchange: exchange, host: name)
  }

  /// Carries the sealing key to another host, as the administrator does.
  func carrySealingKey(to name: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: "\(folder)/a/sealing.key", toPath: "\(folder)/\(name)/sealing.key")
  }

  func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(path)")
  }
}

private let t = NumericDate(seconds: 1_800_000_000)

private func kids(_ keys: SharedKeys, _ status: KeyStatus) throws -> [String] {
  try keys.directory.list().filter { $0.status == status }.map(\.kid)
}

/// The contract's section 11: every host knows a rotated key before it is used.
@Suite struct `Keys that hosts share` {
  @Test func `reach a host that signs with their private halves, and one that checks without`()
    throws
  {
    let hosts = try Hosts()
    try hosts.carrySealingKey(to: "b")
    let (a, b, c) = (hosts.host("a"), hosts.host("b"), hosts.host("c"))
    #expect(try b.synchronize(at: t) == 1 && c.synchronize(at: t) == 1)
    for host in [b, c] { #expect(try host.directory.load().file == a.directory.load().file) }
    #expect(try b.directory.refreshSecret() == a.directory.refreshSecret())
    try KeyStore(directory: b.directory.path, signing: true).prove()
    // What only checks has nothing to sign with, nor the secret of refresh tokens.
    #expect(!hosts.exists("c/private") && !hosts.exists("c/refresh.secret"))
    #expect(throws: KeyError.self) {
      try KeyStore(directory: c.directory.path, signing: true).prove()
    }
    _ = try KeyStore(directory: c.directory.path, signing: false)
  }

  @Test func `sign only when every host has known them for a version`() throws {
    let hosts = try Hosts()
    try hosts.carrySealingKey(to: "b")
    let (a, b, c) = (hosts.host("a"), hosts.host("b"), hosts.host("c"))
    try b.synchronize(at: t)
    try c.synchronize(at: t)
    let next = try kids(a, .next)
    #expect(try [a.rotate(at: t, algorithm: nil)] == next)
    // The others have not heard of it, and know the key that signs.
    #expect(try kids(b, .next) == next && kids(c, .next) == next)
    // Another rotation would sign with a key that they do not know.
    let error = #expect(throws: KeyError.self) { try a.rotate(at: t, algorithm: nil) }
    #expect(error?.reason.contains("b, c") == true)
    #expect(throws: KeyError.self) { try a.retire(kid: nil, at: t) }
    try c.synchronize(at: t)
    // Whoever rotates takes over what is new first.
    #expect(try b.rotate(at: t, algorithm: nil) != nil)
    #expect(try kids(b, .previous).count == 2)
    #expect(try a.synchronize(at: t) == 3 && c.synchronize(at: t) == 3)
    #expect(try b.retire(kid: nil, at: t).count == 2)
    try a.synchronize(at: t)
    #expect(try a.directory.list().map(\.kid) == b.directory.list().map(\.kid))
    for host in [a, b] {
      try KeyStore(directory: host.directory.path, signing: true).prove()
      let files = try FileManager.default.contentsOfDirectory(
        atPath: host.directory.path + "/private")
      #expect(Set(files) == Set(try host.directory.list().map { $0.kid + ".pem" }))
    }
    #expect(hosts.exchange.sealedSecrets().count == 3)
  }

  @Test func `wait for a host that is gone until it is forgotten`() throws {
    let hosts = try Hosts()
    try hosts.host("c").synchronize(at: t)
    let a = hosts.host("a")
    _ = try a.rotate(at: t, algorithm: nil)
    #expect(throws: KeyError.self) { try a.rotate(at: t, algorithm: nil) }
    #expect(hosts.exchange.forgetHost(named: "c"))
    #expect(try a.rotate(at: t, algorithm: .ed25519) != nil)
  }

  @Test func `are refused where a key is added that no key signed`() throws {
    let hosts = try Hosts()
    let (a, c) = (hosts.host("a"), hosts.host("c"))
    try c.synchronize(at: t)
    // Whoever writes to the database makes a set of his own, with a good signature by his own key.
    let thief = try Hosts()
    _ = try thief.host("a").rotate(at: t, algorithm: nil)
    let theirs = try #require(thief.exchange.keySets(after: 1).first)
    for signer in [theirs.signer, try #require(try kids(a, .current).first)] {
      hosts.exchange.state.withLock { state in
        state.sets =
          state.sets.prefix(1) + [
            PublishedKeySet(
              version: 2, set: theirs.set, signer: signer, signature: theirs.signature)
          ]
      }
      #expect(throws: KeyError.self) { try c.synchronize(at: t) }
      #expect(throws: KeyError.self) { try a.rotate(at: t, algorithm: nil) }
      #expect(try c.directory.load().version == 1)
    }
  }

  @Test func `lie in the store only sealed, each under its name`() throws {
    let hosts = try Hosts()
    let a = hosts.host("a")
    let secrets =
      try a.directory.privateKeys(of: try a.directory.load()).map(\.secret)
      + [a.directory.refreshSecretFile()]
    let sealed = hosts.exchange.sealedSecrets()
    #expect(sealed.count == 3)
    for secret in secrets {
      for one in sealed {
        #expect(Data(one.sealed).range(of: Data(secret.prefix(60).suffix(30))) == nil)
      }
    }
    let key = try a.directory.sealingKey()
    let names = sealed.map(\.name)
    for (index, one) in sealed.enumerated() {
      #expect(key.open(one.sealed, as: one.name).map { secrets.contains($0) } == true)
      #expect(key.open(one.sealed, as: names[(index + 1) % names.count]) == nil)
      #expect(try SealingKey.generate().open(one.sealed, as: one.name) == nil)
      var damaged = one.sealed
      damaged[damaged.count / 2] ^= 1
      #expect(key.open(damaged, as: one.name) == nil)
      #expect(key.open(Array(one.sealed.prefix(27)), as: one.name) == nil)
    }
  }

  @Test func `of two who rotate at once are published once`() throws {
    let hosts = try Hosts()
    try hosts.carrySealingKey(to: "b")
    let b = hosts.host("b")
    try b.synchronize(at: t)
    // Another host was quicker by the time this one publishes.
    _ = try hosts.host("a").rotate(at: t, algorithm: nil)
    let set = try b.directory.load()
    let change = try #require(try b.directory.rotation(of: set, at: t, nil))
    #expect(
      !hosts.exchange.publish(
        PublishedKeySet(
          version: try #require(change.set.version), set: change.set.file, signer: "",
          signature: []), adding: [], keeping: []))
    try b.synchronize(at: t)
    #expect(try b.directory.load().file == hosts.host("a").directory.load().file)
  }
}
