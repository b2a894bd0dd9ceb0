import Accounts
import PostgreSQL
import Testing

/// The feed of revocations: rows that are only added, in the order of their commits.
@Suite struct `The feed of revocations on the server` {
  private func open() throws -> (Server, String, Scratch, Bench) {
    let scratch = try Scratch()
    let server = try Server.shared.get()
    let uri = try server.database(for: scratch.path)
    return (server, uri, scratch, Bench(try PostgreSQLStore(uri: uri), in: scratch))
  }

  /// A sequence would leave gaps that nobody can tell from rows that are still to come.
  @Test func `has no gaps in any shard, however many add to it at once`() throws {
    let (server, uri, scratch, bench) = try open()
    let name = String(uri.split(separator: "/")[2].prefix { $0 != "?" })
    let stores = try (0..<4).map { _ in try PostgreSQLStore(uri: uri) }
    let people = try (0..<120).map { try bench.person("p\($0)").session }
    try concurrently(24) { index in
      for place in stride(from: index, to: people.count, by: 24) {
        let isEnded = try stores[index % 4].endSession(people[place].id, of: nil)
        #expect(isEnded)
      }
    }
    withExtendedLifetime(scratch) {}
    let rows = try server.psql(
      name,
      "SELECT count(*), sum(n) FROM (SELECT max(number) AS n FROM tallystick.revocation "
        + "GROUP BY shard) AS h, (SELECT count(*) AS c FROM tallystick.revocation) AS c "
        + "GROUP BY c.c HAVING sum(n) = c.c")
    #expect(!rows.isEmpty)
    #expect(try server.psql(name, "SELECT count(*) FROM tallystick.revocation") == "120")
  }

  @Test func `tells whose right was taken, and a rotation adds nothing`() throws {
    let (server, uri, scratch, bench) = try open()
    let name = String(uri.split(separator: "/")[2].prefix { $0 != "?" })
    let (alice, session) = try bench.person()
    _ = try bench.refresh(session, presenting: 1, at: t(60))
    #expect(try server.psql(name, "SELECT count(*) FROM tallystick.revocation") == "0")
    #expect(try bench.store.endSession(session.id, of: nil))
    _ = try bench.store.revoke(alice.account.id)
    withExtendedLifetime(scratch) {}
    #expect(
      try server.psql(
        name, "SELECT kind, subject FROM tallystick.revocation ORDER BY kind")
        == "account|\(alice.account.id)\nsession|\(session.id)")
  }

  @Test func `is pruned but for the last row of each shard, and the mark stays`() throws {
    let (server, uri, scratch, bench) = try open()
    let name = String(uri.split(separator: "/")[2].prefix { $0 != "?" })
    for index in 0..<40 {
      #expect(try bench.store.endSession(try bench.person("p\(index)").session.id, of: nil))
    }
    let mark = try bench.mark()
    _ = try bench.store.prune(at: t(100 * 86_400), unusedSince: t(-1))
    withExtendedLifetime(scratch) {}
    #expect(try bench.mark() == mark)
    let (rows, shards) = (
      try server.psql(name, "SELECT count(*) FROM tallystick.revocation"),
      try server.psql(name, "SELECT count(DISTINCT shard) FROM tallystick.revocation")
    )
    #expect(rows == shards && rows != "0")
    #expect(try bench.store.endSession(try bench.person("q").session.id, of: nil))
    #expect(try bench.mark() != mark)
  }

  /// A server that has lost rows in a fail-over counts the same numbers again.
  @Test func `has another mark after the same number of other revocations`() throws {
    let (server, uri, scratch, bench) = try open()
    let name = String(uri.split(separator: "/")[2].prefix { $0 != "?" })
    let people = try (0..<2).map { try bench.person("p\($0)").session }
    let before = try bench.mark()
    #expect(try bench.store.endSession(people[0].id, of: nil))
    let first = try bench.mark()
    try server.psql(name, "DELETE FROM tallystick.revocation")
    #expect(try bench.mark() == before)
    #expect(try bench.store.endSession(people[1].id, of: nil))
    withExtendedLifetime(scratch) {}
    #expect(try bench.mark() != first && bench.mark() != before)
  }

  @Test func `may be followed a while late, and no later`() throws {
    let scratch = try Scratch()
    let uri = try Server.shared.get().database(for: scratch.path)
    var options = PostgreSQLOptions()
    options.staleness = .milliseconds(200)
    let (here, there) = (
      Bench(try PostgreSQLStore(uri: uri), in: scratch),
      Bench(try PostgreSQLStore(uri: uri, options: options), in: scratch)
    )
    let session = try here.person().session
    let mark = try there.mark()
    #expect(try here.store.endSession(session.id, of: nil))
    let clock = ContinuousClock()
    let end = clock.now
    while try there.mark() == mark {}
    #expect(clock.now - end < .milliseconds(1_000))
    #expect(try there.mark() == here.mark())
  }
}
