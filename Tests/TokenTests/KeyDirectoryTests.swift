import Accounts
import Foundation
import Testing
import Token
import Wire

/// RFC 7517, RFC 7638 for the names of keys.
@Suite struct `The key directory` {
  private let fixture: Fixture
  private var directory: KeyDirectory { fixture.directory }

  init() throws {
    fixture = try Fixture()
  }

  private func statuses() throws -> [KeyStatus] { try directory.list().map(\.status) }

  private func kid(_ status: KeyStatus) throws -> String {
    try #require(try directory.list().first { $0.status == status }).kid
  }

  private func files() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: directory.path).sorted()
  }

  @Test func `begins with a key that signs, the next one, and a secret`() throws {
    #expect(try statuses() == [.current, .next])
    let keys = try directory.list()
    #expect(keys.allSatisfy { $0.algorithm == .es256 && $0.createdAt == Fixture.now })
    let pems = keys.map { "private/\($0.kid).pem" }
    #expect(try files() == (["private", "refresh.secret", "set.json"] + pems).sorted())
  }

  @Test func `is never created over another one`() throws {
    let before = try Data(contentsOf: URL(filePath: directory.path + "/set.json"))
    #expect(throws: KeyError.self) { try directory.create(algorithm: .es256, at: Fixture.now) }
    #expect(try Data(contentsOf: URL(filePath: directory.path + "/set.json")) == before)
    #expect(try fixture.refusal(fixture.token()) == nil)
  }

  @Test func `has the same modes whatever the umask (T229)`() async {
    // In a process of its own: the umask is the whole process's.
    await #expect(processExitsWith: .success) {
      for mask in [mode_t(0), 0o077, 0o777] {
        let scratch = try Scratch()
        let other = KeyDirectory(path: scratch.path + "/keys")
        let previous = umask(mask)
        try other.create(algorithm: .ed25519, at: Fixture.now)
        _ = try other.rotate(at: Fixture.now, algorithm: nil)
        umask(previous)
        var modes: [String: Int] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: other.path) + ["."] {
          let attributes = try FileManager.default.attributesOfItem(atPath: "\(other.path)/\(name)")
          modes[name.hasSuffix(".pem") ? "pem" : name] = attributes[.posixPermissions] as? Int
        }
        try #require(
          modes == [
            ".": 0o755, "private": 0o700, "pem": 0o400, "refresh.secret": 0o400, "set.json": 0o644,
          ])
      }
    }
  }

  @Test func `rotates: next signs, current still verifies, retired no more (T041)`() throws {
    let (first, second) = (try kid(.current), try kid(.next))
    let old = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)

    #expect(try directory.rotate(at: Fixture.now + 60, algorithm: nil) == second)
    try fixture.store.refresh()
    #expect(try statuses() == [.previous, .current, .next])
    #expect(try kid(.current) == second)
    let new = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)
    #expect(try signer(of: new) == second)
    #expect(fixture.refusal(old) == nil)
    #expect(fixture.refusal(new) == nil)
    #expect(try published() == directory.list().map(\.kid))

    #expect(try directory.retire(kid: first) == [first])
    try fixture.store.refresh()
    #expect(fixture.refusal(old) == .unknownKey)
    #expect(fixture.refusal(new) == nil)
    #expect(try published() == directory.list().map(\.kid))
    #expect(try !published().contains(first))
    #expect(
      !FileManager.default.fileExists(atPath: directory.path + "/private/\(first).pem"))
  }

  @Test func `accepts what the next key signs before it is current`() throws {
    // Another host may have rotated a moment earlier.
    let next = try Fixture.privateKey(of: directory, .next)
    let header = "{\"alg\":\"ES256\",\"kid\":\"\(next.kid)\",\"typ\":\"at+jwt\"}"
    #expect(try fixture.refusal(fixture.token(header: header, by: next)) == nil)
  }

  @Test func `moves to another algorithm with the key after next`() throws {
    _ = try directory.rotate(at: Fixture.now, algorithm: .ed25519)
    #expect(try directory.list().map(\.algorithm) == [.es256, .es256, .ed25519])
    _ = try directory.rotate(at: Fixture.now, algorithm: nil)
    #expect(try directory.list().map(\.algorithm) == [.es256, .es256, .ed25519, .ed25519])
    #expect(try statuses() == [.previous, .previous, .current, .next])
    #expect(try directory.retire(kid: nil).count == 2)
    #expect(try statuses() == [.current, .next])
    #expect(try directory.retire(kid: nil) == [])
  }

  @Test func `retires neither the key that signs nor the next, nor an unknown one`() throws {
    for kid in [try kid(.current), try kid(.next), "unknown", ""] {
      #expect(throws: KeyError.self) { try directory.retire(kid: kid) }
    }
    #expect(try statuses() == [.current, .next])
  }

  @Test func `loses no key to rotations at the same time`() async throws {
    let directory = directory
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<10 { _ = try directory.rotate(at: Fixture.now, algorithm: nil) }
        }
      }
      try await group.waitForAll()
    }
    #expect(try directory.list().count == 42)
    #expect(try statuses().count { $0 == .previous } == 40)
    #expect(try files().count { $0.hasSuffix(".pem") } == 42)
    _ = try KeyStore(directory: directory.path, signing: true)
  }

  @Test func `is never made where a link leads`() throws {
    let scratch = try Scratch()
    let elsewhere = scratch.path + "/elsewhere"
    try FileManager.default.createDirectory(
      atPath: elsewhere, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
    let link = scratch.path + "/keys"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: elsewhere)
    #expect(throws: KeyError.self) {
      try KeyDirectory(path: link).create(algorithm: .es256, at: Fixture.now)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
    let attributes = try FileManager.default.attributesOfItem(atPath: elsewhere)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
  }

  /// The `kid`s that are published, none with a member that is not public (T042).
  private func published() throws -> [String] {
    let keys = try JSON.parse(fixture.store.jwks()).objectValue?["keys"]?.arrayValue
    return try #require(keys).map { value in
      let object = try #require(value.objectValue)
      #expect(object.members.map(\.name) == ["crv", "kty", "x", "y", "kid", "alg", "use"])
      #expect(object["alg"] == .string("ES256"))
      #expect(object["use"] == .string("sig"))
      let thumbprinted = JSON.object(
        JSONObject(object.members.prefix(4).map { ($0.name, $0.value) }))
      let kid = try #require(object["kid"]?.stringValue)
      #expect(Base64URL.encode(sha256(thumbprinted.encode())) == kid)
      return kid
    }
  }

  private func signer(of token: [UInt8]) throws -> String? {
    try UnverifiedJWS(token).header.keyID
  }
}
