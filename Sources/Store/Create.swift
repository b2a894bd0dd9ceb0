// Makes a database, or migrates one of an older version.
//
// Only `tallystick init` does this. A program that finds no database, or one of another version,
// does not start (the contract's section 7, T203).

package import Accounts
import CSystem
import Glibc
import System

extension SQLiteStore {
  /// Makes a new, empty database that only its owner can read, whatever the umask.
  ///
  /// In a directory with the setgid bit the directory's group can read and write it, too. Its
  /// members need not be able to write to the directory: the log and its index are made here, and
  /// stay.
  ///
  /// It is built under another name and appears complete: after a crash in the middle there is
  /// none, and the next call starts over.
  ///
  /// - Parameter path: Where it shall lie.
  /// - Throws: `unreadable` if something lies there already or the directory cannot be written.
  package static func create(at path: String) throws(StoreError) {
    try WriteLock(of: path).hold { _ throws(StoreError) in
      try createAlone(at: path)
    }
    // Makes the log and its index.
    _ = try SQLiteStore(at: path)
  }

  /// Whether something lies at the path.
  package static func exists(at path: String) -> Bool { fileExists(path) }

  private static func createAlone(at path: String) throws(StoreError) {
    // The log of a database that was deleted would be replayed into the new one.
    for name in [path, path + "-wal", path + "-shm", path + "-journal"] where fileExists(name) {
      throw .unreadable("\(name) exists already")
    }
    let draft = path + ".new"
    remove(draft, with: ["-journal", "-wal", "-shm"])
    do throws(FileError) {
      _ = try File.create(draft, mode: Directory.modeOfFiles(in: Directory.parent(of: path)))
    } catch {
      throw StoreError(error)
    }
    try fill(draft)
    remove(draft, with: ["-wal", "-shm"])
    do throws(FileError) {
      try File.moveDraft(draft, to: path)
    } catch {
      throw StoreError(error)
    }
  }

  /// Brings a database that an older program made to what this one knows.
  ///
  /// - Parameters:
  ///   - path: The database file.
  ///   - steps: The steps that are known.
  /// - Throws: `schema` if a newer program made it; each step is taken whole or not at all.
  package static func migrate(
    at path: String, through steps: [[String]] = Schema.migrations
  ) throws(StoreError) {
    guard fileExists(path) else { throw .unreadable("there is no \(path)") }
    try WriteLock(of: path).hold { _ throws(StoreError) in
      let connection = try Connection(migrating: path, patience: .seconds(5))
      _ = try Schema.version(of: connection, at: path)
      try Schema.migrate(connection, through: steps)
    }
  }

  private static func fill(_ draft: String) throws(StoreError) {
    let connection = try Connection(filling: draft)
    try Schema.migrate(connection)
    // Kept in the file's header. The switch itself goes through the log, so it is copied back
    // before the file gets its name.
    try connection.database.execute("PRAGMA journal_mode = WAL")
    let isBusy = try connection.first("PRAGMA wal_checkpoint(TRUNCATE)") { row throws(StoreError) in
      try row.integer(0)
    }
    guard isBusy == 0 else { throw .busy }
  }

  private static func remove(_ path: String, with suffixes: [String]) {
    for suffix in suffixes { unsafe unlink(path + suffix) }
  }
}

extension StoreError {
  /// A file beside the database, or the database itself, that the system refuses.
  init(_ error: FileError) {
    self = error.code == ENOSPC || error.code == EDQUOT ? .full : .unreadable(error.reason)
  }
}

/// Whether something lies at a path, be it a link to nowhere.
func fileExists(_ path: String) -> Bool {
  var found = stat()
  return unsafe lstat(path, &found) == 0
}
