import Accounts

/// The tables, as numbered steps from nothing to what this program knows.
package enum Schema {
  /// Marks the file as ours, in its header: "taly".
  static let applicationID: Int64 = 0x7461_6c79

  /// The version this program knows.
  static var version: Int64 { Int64(migrations.count) }

  /// The statements of each step; the step at index n leads to version n + 1.
  ///
  /// A step that has been released is never changed.
  package static let migrations: [[String]] = [first, second, third, fourth]

  private static let first: [String] = [
    "PRAGMA application_id = \(applicationID)",
    """
    CREATE TABLE account (
      id TEXT PRIMARY KEY NOT NULL,
      username TEXT NOT NULL UNIQUE,
      groups TEXT NOT NULL,
      version INTEGER NOT NULL CHECK (version >= 1),
      is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
      created_at INTEGER NOT NULL,
      password_hash TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE session (
      id TEXT PRIMARY KEY NOT NULL,
      account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      version INTEGER NOT NULL CHECK (version >= 1),
      generation INTEGER NOT NULL CHECK (generation >= 1),
      confirmed INTEGER NOT NULL CHECK (confirmed BETWEEN 0 AND generation),
      rotated_at INTEGER NOT NULL,
      issued_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      address TEXT NOT NULL,
      user_agent TEXT NOT NULL,
      ordinal INTEGER NOT NULL -- among those of the account: seconds do not tell their order
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX session_of_account ON session (account, version)",
    "CREATE INDEX session_by_end ON session (expires_at)",
    """
    CREATE TABLE attempt (
      scope TEXT NOT NULL CHECK (scope IN ('pair', 'network', 'name')),
      name TEXT NOT NULL,
      network TEXT NOT NULL,
      failures INTEGER NOT NULL CHECK (failures >= 1),
      window_started_at INTEGER NOT NULL,
      banned_until INTEGER,
      PRIMARY KEY (scope, name, network)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE known_network (
      account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      network TEXT NOT NULL,
      last_login_at INTEGER NOT NULL,
      PRIMARY KEY (account, network)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE revocation (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      count INTEGER NOT NULL
    ) STRICT
    """,
    "INSERT INTO revocation (id, count) VALUES (1, 0)",
  ]

  /// Step 2: times of a session that the rotation rule and the companion cookie need, and how many
  /// wrong guesses in a row a name has seen.
  ///
  /// A session that is there goes on without a companion until its live refresh token is spent or
  /// expires. The defaults are for a program of step 1 that still runs: what it writes from then on
  /// has to sign in again.
  private static let second: [String] = [
    "ALTER TABLE session ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE session ADD COLUMN bound_from INTEGER NOT NULL DEFAULT 0",
    // One second more: a token of this very second was handed out without a companion.
    """
    UPDATE session SET sent_at = issued_at,
      bound_from = CAST(strftime('%s', 'now') AS INTEGER) + 1
    """,
    "ALTER TABLE attempt ADD COLUMN in_a_row INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE attempt ADD COLUMN last_failed_at INTEGER NOT NULL DEFAULT 0",
    "UPDATE attempt SET in_a_row = failures, last_failed_at = window_started_at",
  ]

  /// Step 3: sessions on shared computers, and the one-time codes that lead to a site.
  private static let third: [String] = [
    "ALTER TABLE session ADD COLUMN shared_lifetime INTEGER CHECK (shared_lifetime >= 1)",
    """
    CREATE INDEX session_shared ON session (last_used_at + shared_lifetime)
      WHERE shared_lifetime IS NOT NULL
    """,
    """
    CREATE TABLE handover (
      code TEXT PRIMARY KEY NOT NULL, -- its digest
      session TEXT NOT NULL,
      account TEXT NOT NULL,
      version INTEGER NOT NULL CHECK (version >= 1),
      site TEXT NOT NULL,
      state TEXT NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX handover_by_end ON handover (expires_at)",
  ]

  /// Step 4: device tokens.
  private static let fourth: [String] = [
    """
    CREATE TABLE device (
      id TEXT PRIMARY KEY NOT NULL,
      digest TEXT NOT NULL UNIQUE, -- of the token
      account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      sites TEXT CHECK (sites <> ''), -- with spaces between them; NULL for every site
      is_read_only INTEGER NOT NULL CHECK (is_read_only IN (0, 1)),
      created_at INTEGER NOT NULL,
      last_used_at INTEGER,
      expires_at INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX device_of_account ON device (account)",
    "CREATE INDEX device_by_end ON device (expires_at) WHERE expires_at IS NOT NULL",
  ]

  /// Takes a database that this program made and knows.
  ///
  /// - Parameters:
  ///   - connection: A connection to it.
  ///   - path: Its path, for the message.
  /// - Throws: `corrupt` for any other file, `schema` for a newer or an older one.
  static func admit(_ connection: Connection, at path: String) throws(StoreError) {
    let found = try version(of: connection, at: path)
    guard found == version else { throw .schema(found: found, known: version) }
  }

  /// Takes a file that begins as a database of ours does.
  ///
  /// - Parameters:
  ///   - header: Its first 100 bytes, read before SQLite looks at the file.
  ///   - path: Its path, for the message.
  /// - Throws: `corrupt` for any other file, and for an empty one.
  static func admit(header: [UInt8], at path: String) throws(StoreError) {
    let mark = header[68..<72].reduce(0 as Int64) { $0 << 8 | Int64($1) }
    guard header.starts(with: "SQLite format 3\0".utf8), mark == applicationID else {
      throw .corrupt("\(path) is no tallystick database")
    }
  }

  /// Whether a file with this header has a write-ahead log beside it.
  static func hasLog(header: [UInt8]) -> Bool { header[18] == 2 }

  /// Brings a database to a version, one step a transaction.
  ///
  /// - Parameters:
  ///   - connection: A connection that may write, under the write lock.
  ///   - steps: All steps that are known; those already taken are skipped.
  /// - Throws: `schema` if the database has taken more steps than are known.
  static func migrate(
    _ connection: Connection, through steps: [[String]] = migrations
  ) throws(StoreError) {
    let found = try userVersion(of: connection)
    guard (0...Int64(steps.count)).contains(found) else {
      throw .schema(found: found, known: Int64(steps.count))
    }
    for (index, step) in steps.enumerated().dropFirst(Int(found)) {
      do throws(StoreError) {
        try connection.run("BEGIN IMMEDIATE")
        for statement in step { try connection.database.execute(statement) }
        try connection.database.execute("PRAGMA user_version = \(index + 1)")
        try connection.run("COMMIT")
      } catch {
        connection.rollback()
        throw error
      }
    }
  }

  /// The steps a database of ours has taken.
  static func version(of connection: Connection, at path: String) throws(StoreError) -> Int64 {
    let mark = try connection.first("PRAGMA application_id") { row throws(StoreError) in
      try row.integer(0)
    }
    // An emptied file opens as an empty database; it must not pass for a new one.
    guard mark == applicationID else { throw .corrupt("\(path) is no tallystick database") }
    return try userVersion(of: connection)
  }

  private static func userVersion(of connection: Connection) throws(StoreError) -> Int64 {
    try connection.first("PRAGMA user_version") { row throws(StoreError) in
      try row.integer(0)
    } ?? 0
  }
}
