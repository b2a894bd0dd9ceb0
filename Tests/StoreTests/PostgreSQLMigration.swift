import Accounts
import PostgreSQL
import Testing

/// T203: tables that the program of step 1 made.
@Suite struct `A server of step 1` {
  @Test func `keeps what it has, and takes device tokens`() throws {
    let scratch = try Scratch()
    let server = try Server.shared.get()
    let uri = try server.database(for: scratch.path)
    let path = try #require(uri.split(separator: "@/").last)
    let database = String(path.prefix { $0 != "?" })
    let (credentials, session) = try Bench(try PostgreSQLStore(uri: uri), in: scratch).person()
    try server.psql(
      database,
      """
      DROP TABLE tallystick.device; DELETE FROM tallystick.schema_version WHERE version > 1;
      """)
    #expect(throws: StoreError.schema(found: 1, known: 2)) { try PostgreSQLStore(uri: uri) }
    #expect(try PostgreSQLStore.create(uri: uri) == .migrated(from: 1, to: 2))
    #expect(try PostgreSQLStore.create(uri: uri) == .current)
    let bench = Bench(try PostgreSQLStore(uri: uri), in: scratch)
    #expect(try bench.store.accountSession(of: session.id)?.account == credentials.account)
    let device = try newDevice(of: credentials.account, sites: ["https://a.test"], lifetime: 60)
    #expect(try bench.store.make(device) == .made)
    #expect(try bench.device(device)?.device == device)
  }
}
