import Accounts
import Foundation
import Testing
import Token

/// What a running program does while the administrator changes the keys (T041, T205).
@Suite struct `The keys of a running program` {
  private let fixture: Fixture
  private var setFile: String { fixture.directory.path + "/set.json" }

  init() throws {
    fixture = try Fixture()
  }

  @Test func `are read again when the set has changed, and only then`() throws {
    #expect(fixture.store.revision == 1)
    for _ in 0..<3 { try fixture.store.refresh() }
    #expect(fixture.store.revision == 1)
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    #expect(fixture.store.revision == 1)
    for _ in 0..<3 { try fixture.store.refresh() }
    #expect(fixture.store.revision == 2)
    _ = try fixture.directory.retire(kid: nil)
    try fixture.store.refresh()
    #expect(fixture.store.revision == 3)
  }

  @Test(arguments: [true, false])
  func `that cannot be read are an error each time, until they are right again`(
    signing: Bool
  ) throws {
    let store = try KeyStore(directory: fixture.directory.path, signing: signing)
    let right = try Data(contentsOf: URL(filePath: setFile))
    for wrong in [Data(), Data("{}".utf8), right.dropLast(9)] {
      try wrong.write(to: URL(filePath: setFile))
      for _ in 0..<3 { #expect(throws: KeyError.self) { try store.refresh() } }
    }
    try FileManager.default.removeItem(atPath: setFile)
    for _ in 0..<3 { #expect(throws: KeyError.self) { try store.refresh() } }
    #expect(store.revision == 1)
    try right.write(to: URL(filePath: setFile))
    try store.refresh()
    #expect(store.revision == 2)
  }

  @Test func `stop a signer, not a verifier, when the new private key is open to others`() throws {
    let verifier = try KeyStore(directory: fixture.directory.path, signing: false)
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    let kid = try Fixture.privateKey(of: fixture.directory, .current).kid
    let file = fixture.directory.path + "/private/\(kid).pem"
    try #require(unsafe chmod(file, 0o444) == 0)
    #expect(throws: KeyError.self) { try fixture.store.refresh() }
    try verifier.refresh()
    try #require(unsafe chmod(file, 0o400) == 0)
    try fixture.store.refresh()
    #expect(fixture.store.revision == 2)
  }

  @Test func `are all there after a crash between any two steps of a change (T205)`() throws {
    // The steps of a rotation are two files that appear whole: the new private key, then the set;
    // those of a retirement are the set, then the private keys that go. So what a crash leaves is
    // the old set with a key more, beside files half written.
    let path = fixture.directory.path
    let old = try Data(contentsOf: URL(filePath: setFile))
    let token = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    try old.write(to: URL(filePath: setFile))
    try Data("{\"keys\":[".utf8).write(to: URL(filePath: setFile + ".new"))
    try Data("-----BEGIN".utf8).write(to: URL(filePath: path + "/private/half.pem.new"))
    try fixture.store.refresh()
    #expect(fixture.refusal(token) == nil)

    let again = try KeyStore(directory: path, signing: true)
    #expect(try again.issue(Fixture.accessClaims()).isEmpty == false)
    // And the next rotation goes through.
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    try again.refresh()
    #expect(fixture.directory.exists)
    #expect(!FileManager.default.fileExists(atPath: setFile + ".new"))

    // A retirement that lost power before it removed the private keys.
    let previous = try fixture.directory.list().filter { $0.status == .previous }.map(\.kid)
    let file = path + "/private/\(previous[0]).pem"
    let saved = try Data(contentsOf: URL(filePath: file))
    _ = try fixture.directory.retire(kid: nil)
    try saved.write(to: URL(filePath: file))
    try again.refresh()
    #expect(throws: TokenError.unknownKey) {
      try again.verifyAccess(
        token, issuer: Fixture.issuer, audience: Fixture.audience, at: Fixture.now,
        leeway: .zero, maximumLifetime: .seconds(900))
    }
  }

  @Test func `that a crash left without a set are begun again`() throws {
    try FileManager.default.removeItem(atPath: setFile)
    #expect(!fixture.directory.exists)
    try fixture.directory.create(algorithm: .es256, at: Fixture.now)
    _ = try KeyStore(directory: fixture.directory.path, signing: true)
  }

  @Test func `change under many readers without a wrong answer`() async throws {
    let fixture = fixture
    let token = Array(try fixture.store.issue(Fixture.accessClaims()).utf8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<50 {
            try fixture.store.refresh()
            #expect(fixture.refusal(token) == nil)
            let issued = try fixture.store.issue(Fixture.accessClaims())
            #expect(fixture.refusal(Array(issued.utf8)) == nil)
          }
        }
      }
      group.addTask {
        for _ in 0..<10 { _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil) }
      }
      try await group.waitForAll()
    }
    try fixture.store.refresh()
    #expect(fixture.store.revision <= 11)
    #expect(try fixture.directory.list().count == 12)
  }
}

@Suite struct `Random identifiers` {
  @Test func `are of the form of ours, and none comes twice (T073, T077)`() throws {
    var seen: Set<String> = []
    for _ in 0..<10_000 {
      let identifier = try Random.identifier()
      try #require(AccountID(identifier) != nil && SessionID(identifier) != nil)
      seen.insert(identifier)
    }
    #expect(seen.count == 10_000)
  }

  @Test func `have as many bytes as asked for`() throws {
    for count in [0, 1, 16, 32, 256] {
      #expect(try Random.bytes(count).count == count)
    }
  }
}

/// FIPS 180-4; RFC 4231 §4.2, §4.3.
@Suite struct `Digests` {
  @Test func `of the standards' examples come out`() throws {
    #expect(
      try sha256(Array("abc".utf8))
        == bytes(hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    #expect(
      try sha256([])
        == bytes(hex: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    #expect(
      try hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        == bytes(hex: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
  }
}
