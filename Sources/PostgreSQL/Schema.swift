import Accounts
import Threads

/// The tables, as numbered steps from nothing to what this program knows.
enum Schema {
  /// The version this program knows.
  static var version: Int64 { Int64(migrations.count) }

  /// The statements of each step; the step at index n leads to version n + 1.
  ///
  /// A step that has been released is never changed.
  static let migrations: [[StaticString]] = [first, second]

  /// Texts are compared by their bytes, as SQLite does.
  ///
  /// What a client sent is kept as bytes: a text of the server cannot hold a NUL. Pages of sessions keep room, so that a refresh moves no row.
  private static let first: [StaticString] = [
    """
    CREATE TABLE tallystick.account (
      id text COLLATE "C" PRIMARY KEY,
      username text COLLATE "C" NOT NULL UNIQUE,
      groups text NOT NULL,
      version bigint NOT NULL CHECK (version >= 1),
      is_disabled boolean NOT NULL,
      created_at bigint NOT NULL,
      password_hash text NOT NULL
    )
    """,
    """
    CREATE TABLE tallystick.session (
      id text COLLATE "C" PRIMARY KEY,
      account text COLLATE "C" NOT NULL REFERENCES tallystick.account (id) ON DELETE CASCADE,
      version bigint NOT NULL CHECK (version >= 1),
      generation bigint NOT NULL CHECK (generation >= 1),
      confirmed bigint NOT NULL CHECK (confirmed BETWEEN 0 AND generation),
      rotated_at bigint NOT NULL,
      issued_at bigint NOT NULL,
      sent_at bigint NOT NULL,
      created_at bigint NOT NULL,
      last_used_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      bound_from bigint NOT NULL,
      address bytea NOT NULL,
      user_agent bytea NOT NULL,
      shared_lifetime bigint CHECK (shared_lifetime >= 1),
      ordinal bigint NOT NULL
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX session_of_account ON tallystick.session (account, version)",
    "CREATE INDEX session_by_end ON tallystick.session (expires_at)",
    // Not by their end: an index over the last use would be written with every refresh.
    "CREATE INDEX session_shared ON tallystick.session (id) WHERE shared_lifetime IS NOT NULL",
    """
    CREATE TABLE tallystick.attempt (
      scope text COLLATE "C" NOT NULL CHECK (scope IN ('pair', 'network', 'name')),
      name text COLLATE "C" NOT NULL,
      network text COLLATE "C" NOT NULL,
      failures bigint NOT NULL CHECK (failures >= 1),
      window_started_at bigint NOT NULL,
      banned_until bigint,
      in_a_row bigint NOT NULL,
      last_failed_at bigint NOT NULL,
      PRIMARY KEY (scope, name, network)
    )
    """,
    """
    CREATE TABLE tallystick.known_network (
      account text COLLATE "C" NOT NULL REFERENCES tallystick.account (id) ON DELETE CASCADE,
      network text COLLATE "C" NOT NULL,
      last_login_at bigint NOT NULL,
      PRIMARY KEY (account, network)
    )
    """,
    """
    CREATE TABLE tallystick.handover (
      code text COLLATE "C" PRIMARY KEY, -- its digest
      session text NOT NULL,
      account text NOT NULL,
      version bigint NOT NULL CHECK (version >= 1),
      site text NOT NULL,
      state text NOT NULL,
      expires_at bigint NOT NULL
    )
    """,
    "CREATE INDEX handover_by_end ON tallystick.handover (expires_at)",
    """
    CREATE TABLE tallystick.key_set (
      version bigint PRIMARY KEY,
      key_set text NOT NULL,
      signer text NOT NULL,
      signature bytea NOT NULL
    )
    """,
    "CREATE TABLE tallystick.sealed_secret (name text PRIMARY KEY, sealed bytea NOT NULL)",
    """
    CREATE TABLE tallystick.key_host (
      name text PRIMARY KEY,
      version bigint NOT NULL,
      seen_at bigint NOT NULL
    )
    """,
    """
    CREATE TABLE tallystick.revocation (
      shard bigint NOT NULL,
      number bigint NOT NULL,
      mark bigint NOT NULL,
      kind text NOT NULL,
      subject text NOT NULL,
      noted_at bigint NOT NULL,
      PRIMARY KEY (shard, number)
    )
    """,
  ]

  /// Step 2: device tokens.
  private static let second: [StaticString] = [
    """
    CREATE TABLE tallystick.device (
      id text COLLATE "C" PRIMARY KEY,
      digest text COLLATE "C" NOT NULL UNIQUE, -- of the token
      account text COLLATE "C" NOT NULL REFERENCES tallystick.account (id) ON DELETE CASCADE,
      name text NOT NULL,
      sites text CHECK (sites <> ''), -- with spaces between them; NULL for every site
      is_read_only boolean NOT NULL,
      created_at bigint NOT NULL,
      last_used_at bigint,
      expires_at bigint
    )
    """,
    "CREATE INDEX device_of_account ON tallystick.device (account)",
    "CREATE INDEX device_by_end ON tallystick.device (expires_at) WHERE expires_at IS NOT NULL",
  ]

  /// Takes a database whose tables this program knows.
  ///
  /// - Throws: `unreadable` where there are none, `schema` for newer or older ones.
  static func admit(_ connection: ServerConnection, until deadline: Deadline) throws(Failure) {
    guard let found = try found(on: connection, until: deadline) else {
      throw Failure(state: missingTable, message: "")
    }
    guard found == version else {
      throw Failure(kind: .refused, error: .schema(found: found, known: version))
    }
  }

  /// The version of the tables that are there; nil where there are none.
  static func found(
    on connection: ServerConnection, until deadline: Deadline
  ) throws(Failure) -> Int64? {
    connection.queue("SELECT max(version) FROM tallystick.schema_version", [])
    do throws(Failure) {
      let answer = try connection.exchange(until: deadline).first
      return try Failure.explaining { () throws(StoreError) in
        guard let answer, answer.count == 1 else { return nil }
        return try answer[0].optionalInteger(0)
      }
    } catch {
      guard error.state == missingTable || error.state == "3F000" else { throw error }
      return nil
    }
  }

  private static let missingTable = "42P01"

  /// Brings a database to the version that this program knows, one step a transaction.
  ///
  /// - Returns: The version that it had.
  /// - Throws: `schema` if the database has taken more steps than are known.
  static func migrate(
    _ connection: ServerConnection, patience: Duration
  ) throws(Failure) -> Int64 {
    func run(_ statements: [StaticString]) throws(Failure) {
      for statement in statements { connection.queue(statement, []) }
      _ = try connection.exchange(until: Deadline(after: patience))
    }
    let before = try found(on: connection, until: Deadline(after: patience)) ?? 0
    guard before <= version else {
      throw Failure(kind: .refused, error: .schema(found: before, known: version))
    }
    if before == 0 {
      try run([
        "CREATE SCHEMA IF NOT EXISTS tallystick",
        "CREATE TABLE IF NOT EXISTS tallystick.schema_version (version bigint PRIMARY KEY)",
      ])
    }
    for (index, step) in migrations.enumerated().dropFirst(Int(before)) {
      connection.queue("BEGIN", [])
      // First: of two who migrate at once, one waits here, and is refused.
      connection.queue(
        "INSERT INTO tallystick.schema_version (version) VALUES ($1)", [.integer(Int64(index + 1))])
      try run(step + ["COMMIT"])
    }
    return before
  }
}
