package import Accounts
import CSQLite
import CSystem
import Glibc
import System

/// A file that a backup keeps beside the database: a key, the list of common passwords.
package struct KeptFile: Equatable, Sendable {
  /// Its path below the state directory.
  package let name: String
  package let contents: [UInt8]

  package init(name: String, contents: [UInt8]) {
    self.name = name
    self.contents = contents
  }
}

/// What a restored backup has.
package struct Restored: Equatable, Sendable {
  package let files: [KeptFile]
  /// Sessions that go on.
  package let kept: Int
  /// Sessions that were ended, because a refresh token that was spent since would count again.
  package let ended: Int
  /// Device tokens that count again although nobody can tell whether they were ended since.
  package let doubtfulDevices: Int
}

/// A backup is one file: a copy of the database, and in a table of its own the files beside it.
extension SQLiteStore {
  /// Copies a database to a new file while programs read and write it.
  ///
  /// The copy is the database as it was at one moment. It is durable when this returns.
  ///
  /// - Parameters:
  ///   - path: The database.
  ///   - draft: Where the copy goes; whatever lies there is replaced. Its mode is 0600.
  ///   - files: What is kept with it.
  /// - Throws: `unreadable` or `corrupt` for the database, `full` if there is no room for a copy.
  package static func backUp(
    _ path: String, to draft: String, with files: [KeptFile]
  ) throws(StoreError) {
    // An overwritten database is no backup, and must not push a good one out.
    let source = try OpenFiles(of: path).connect(as: .reader, patience: .seconds(5))
    removeDatabase(draft)
    do throws(FileError) {
      _ = try File.create(draft)
    } catch {
      throw StoreError(error)
    }
    try copy(source.database, to: draft)
    let copied = try Connection(migrating: draft, patience: .zero)
    // Damaged pages are copied like all others, and must not push a good backup out.
    let isWhole = try copied.first("PRAGMA quick_check(1)") { row throws(StoreError) in
      try row.text(0) == "ok"
    }
    guard isWhole == true else { throw .corrupt("\(path) is damaged") }
    // One file, without a log beside it.
    try copied.database.execute("PRAGMA journal_mode = DELETE")
    try copied.database.execute(
      "CREATE TABLE kept_file (name TEXT PRIMARY KEY, contents TEXT) STRICT")
    for file in files {
      try copied.run(
        "INSERT INTO kept_file (name, contents) VALUES (?1, ?2)", .text(file.name),
        .text(hexadecimal(file.contents)))
    }
  }

  private static func copy(
    _ source: borrowing Database, to path: String
  ) throws(StoreError) {
    let target = try Database(at: path, patience: .zero)
    guard let copying = unsafe sqlite3_backup_init(target.handle, "main", source.handle, "main")
    else { throw unsafe StoreError(sqlite3_extended_errcode(target.handle), on: target.handle) }
    let code = unsafe sqlite3_backup_step(copying, -1)
    let end = unsafe sqlite3_backup_finish(copying)
    guard code == SQLITE_DONE, end == SQLITE_OK else {
      throw unsafe StoreError(code == SQLITE_DONE ? end : code, on: target.handle)
    }
  }

  /// Puts a backup in the place of a database.
  ///
  /// Since the backup was made, browsers have spent the refresh tokens that it holds for the live
  /// ones. Whoever has kept such a token could use it again, so its session is ended. A session
  /// goes on if the database that is replaced still shows it at the same generation.
  ///
  /// - Parameters:
  ///   - draft: A copy of the backup beside the database; it becomes the database.
  ///   - path: Where the database lies, or lay.
  /// - Returns: The files that were kept with it, and what became of the sessions.
  /// - Throws: `schema` if a newer program made it, `corrupt` if it is no backup of ours. The
  ///   database that was there is then still in its place.
  package static func restore(_ draft: String, at path: String) throws(StoreError) -> Restored {
    let restored = try WriteLock(of: path).hold { _ throws(StoreError) in
      let files = try keptFiles(in: draft)
      let sessions = try prepare(draft, replacing: path)
      do throws(FileError) {
        // The mode of the place, whatever that of the backup was.
        let mode = Directory.modeOfFiles(in: Directory.parent(of: path))
        let file = try Descriptor(regular: draft, O_RDWR | O_NOFOLLOW)
        guard fchmod(file.number, mode) == 0 else { throw .system(draft, "cannot be opened") }
        // The log of the other database would be replayed into this one.
        for suffix in ["-wal", "-shm", "-journal"] { _ = unsafe unlink(path + suffix) }
        try File.moveDraft(draft, to: path)
      } catch {
        throw StoreError(error)
      }
      return Restored(
        files: files, kept: sessions.kept, ended: sessions.ended,
        doubtfulDevices: sessions.doubtfulDevices)
    }
    // Makes the log and its index.
    _ = try SQLiteStore(at: path)
    return restored
  }

  private static func keptFiles(in draft: String) throws(StoreError) -> [KeptFile] {
    let connection = try Connection(migrating: draft, patience: .zero)
    let found = try Schema.version(of: connection, at: draft)
    guard found <= Schema.version else { throw .schema(found: found, known: Schema.version) }
    let isWhole = try connection.first("PRAGMA integrity_check") { row throws(StoreError) in
      try row.text(0) == "ok"
    }
    guard isWhole == true else { throw .corrupt("\(draft) is damaged") }
    let tables = try connection.first(
      "SELECT count(*) FROM sqlite_schema WHERE name = 'kept_file'"
    ) { row throws(StoreError) in try row.integer(0) }
    // One that the sqlite3 shell made has none.
    guard tables == 1 else { return [] }
    return try connection.all("SELECT name, contents FROM kept_file ORDER BY name") {
      row throws(StoreError) in
      guard let contents = bytes(ofHexadecimal: try row.text(1)) else {
        throw .corrupt("\(draft) has a damaged file")
      }
      return KeptFile(name: try row.text(0), contents: contents)
    }
  }

  private static func prepare(
    _ draft: String, replacing path: String
  ) throws(StoreError) -> (kept: Int, ended: Int, doubtfulDevices: Int) {
    let connection = try Connection(migrating: draft, patience: .zero)
    try connection.database.execute("DROP TABLE IF EXISTS kept_file")
    try Schema.migrate(connection)
    let all = try count("SELECT count(*) FROM session", in: connection)
    var doubtfulDevices: Int64 = 0
    do throws(StoreError) {
      try endWhatEnded(in: connection, since: path)
    } catch {
      // It is not there, is damaged, or was overwritten, perhaps by this very backup.
      try connection.run("DELETE FROM session")
      doubtfulDevices = try count("SELECT count(*) FROM device", in: connection)
    }
    let kept = try count("SELECT count(*) FROM session", in: connection)
    // A code that was spent since must not open a site again.
    try connection.run("DELETE FROM handover")
    // Programs that run have remembered what the other database said.
    try connection.run("UPDATE revocation SET count = count + 1")
    // Nothing of the kept files is left in pages that are free now.
    try connection.database.execute("VACUUM")
    try connection.database.execute("PRAGMA journal_mode = WAL")
    let isBusy = try connection.first("PRAGMA wal_checkpoint(TRUNCATE)") { row throws(StoreError) in
      try row.integer(0)
    }
    guard isBusy == 0 else { throw .busy }
    return (Int(kept), Int(all - kept), Int(doubtfulDevices))
  }

  /// Deletes what the replaced database does not show as the backup does: sessions that went on or
  /// ended, and device tokens that ended.
  ///
  /// - Throws: Why the two cannot be compared; some of it may be deleted then.
  private static func endWhatEnded(
    in connection: Connection, since path: String
  ) throws(StoreError) {
    _ = try OpenFiles(of: path).connect(as: .reader, patience: .zero, isLocked: true)
    // Its path is bound, never part of the statement.
    try connection.run("ATTACH ?1 AS replaced", .text(path))
    let outcome = Result { () throws(StoreError) in
      try connection.run(
        """
        DELETE FROM session WHERE NOT EXISTS (
          SELECT 1 FROM replaced.session AS live JOIN replaced.account ON account.id = live.account
          WHERE live.id = session.id AND live.generation = session.generation
            AND live.version = session.version AND account.version = session.version)
        """)
      try connection.run("DELETE FROM device WHERE id NOT IN (SELECT id FROM replaced.device)")
    }
    try connection.run("DETACH replaced")
    try outcome.get()
  }

  private static func count(
    _ sql: StaticString, in connection: Connection
  ) throws(StoreError) -> Int64 {
    try connection.first(sql) { row throws(StoreError) in try row.integer(0) } ?? 0
  }

  /// Removes a draft with everything beside it.
  package static func removeDatabase(_ draft: String) {
    for suffix in ["", "-wal", "-shm", "-journal"] { _ = unsafe unlink(draft + suffix) }
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(
    decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

private func bytes(ofHexadecimal text: String) -> [UInt8]? {
  var bytes: [UInt8] = []
  var half: UInt8?
  for byte in text.utf8 {
    let digit: UInt8
    switch byte {
    case 0x30...0x39: digit = byte - 0x30
    case 0x61...0x66: digit = byte - 0x57
    default: return nil
    }
    if let high = half {
      bytes.append(high << 4 | digit)
      half = nil
    } else {
      half = digit
    }
  }
  return half == nil ? bytes : nil
}
