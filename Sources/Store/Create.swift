package import Accounts
import CSystem
import Glibc

extension SQLiteStore {
  /// Makes a new, empty database that only its owner can read, whatever the umask.
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
  }

  private static func createAlone(at path: String) throws(StoreError) {
    // The log of a database that was deleted would be replayed into the new one.
    for name in [path, path + "-wal", path + "-journal"] where fileExists(name) {
      throw .unreadable("\(name) exists already")
    }
    let draft = path + ".new"
    remove(draft, with: ["", "-journal", "-wal", "-shm"])
    try makeEmptyFile(draft)
    try fill(draft)
    remove(draft, with: ["-wal", "-shm"])
    guard unsafe rename(draft, path) == 0 else { throw systemFailure("create", path) }
    try synchronize(path)
    try synchronize(directory(of: path))
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
    let connection = try Connection(migrating: draft, patience: .zero)
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

  private static func makeEmptyFile(_ path: String) throws(StoreError) {
    let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let descriptor = unsafe open(path, flags, 0o600)
    guard descriptor >= 0 else { throw systemFailure("create", path) }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw systemFailure("create", path) }
    // The administrator may prepare as root what a service will use.
    var owner = stat()
    let directory = "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    if geteuid() == 0, unsafe stat(directory, &owner) == 0 {
      _ = fchown(descriptor, owner.st_uid, owner.st_gid)
    }
  }

  private static func synchronize(_ path: String) throws(StoreError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemFailure("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw systemFailure("write", path) }
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func systemFailure(_ action: String, _ path: String) -> StoreError {
    errno == ENOSPC || errno == EDQUOT
      ? .full : .unreadable("cannot \(action) \(path): \(systemMessage(errno))")
  }
}

/// Whether something lies at a path, be it a link to nowhere.
func fileExists(_ path: String) -> Bool {
  var found = stat()
  return unsafe lstat(path, &found) == 0
}
