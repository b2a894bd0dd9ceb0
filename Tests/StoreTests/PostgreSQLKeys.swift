import Accounts
import PostgreSQL
import Testing

@Suite struct `Keys on the server` {
  private func set(_ version: Int64) -> PublishedKeySet {
    PublishedKeySet(
      version: version, set: Array("{\"keys\":[]}\n".utf8), signer: "kid", signature: [0, 255])
  }

  @Test func `are published once a version, and secrets go with their names`() throws {
    let scratch = try Scratch()
    let uri = try Server.shared.get().database(for: scratch.path)
    let (here, there) = (try PostgreSQLStore(uri: uri), try PostgreSQLStore(uri: uri))
    let secrets = [
      SealedSecret(name: "a", sealed: [0, 1]), SealedSecret(name: "b", sealed: [255]),
    ]
    #expect(try here.publish(set(1), adding: secrets, keeping: ["a", "b"]))
    #expect(try !there.publish(set(1), adding: [], keeping: []))
    #expect(try there.sealedSecrets() == secrets)
    #expect(try there.publish(set(2), adding: [], keeping: ["b"]))
    #expect(try here.keySets(after: 0) == [set(1), set(2)])
    #expect(try here.keySets(after: 1) == [set(2)])
    #expect(try here.sealedSecrets() == [secrets[1]])
  }

  @Test func `know the hosts that have them`() throws {
    let scratch = try Scratch()
    let store = try PostgreSQLStore(uri: try Server.shared.get().database(for: scratch.path))
    try store.note(KeyHost(name: "b", version: 1, seenAt: t(0)))
    try store.note(KeyHost(name: "a", version: 1, seenAt: t(0)))
    try store.note(KeyHost(name: "b", version: 2, seenAt: t(1)))
    let hosts = try store.keyHosts()
    #expect(hosts.map(\.name) == ["a", "b"] && hosts.map(\.version) == [1, 2])
    #expect(KeyHost.lacking(2, of: hosts).map(\.name) == ["a"])
    #expect(try store.forgetHost(named: "a") && !store.forgetHost(named: "a"))
  }
}
