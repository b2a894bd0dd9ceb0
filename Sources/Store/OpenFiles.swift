import Accounts
import CSystem
import Glibc
import System
import Threads

/// The files of a database, as the connections of one store have them open.
///
/// SQLite goes on with the files that it has opened, whatever becomes of their names. So a restored
/// backup, an overwritten database or a deleted log would go unnoticed: what was revoked would be
/// allowed, and what is written would be gone with the last program. Every use of a connection is
/// therefore preceded by a look at the files.
///
/// - Another file in the place of the database, or one that somebody has overwritten
///   (CheckpointRecord.swift): nothing is read or written any more, until the programs are started
///   again.
/// - Another log or index, or none: nothing is read or written until what the deleted log holds is
///   in the database (LostLog.swift) and every connection was closed. Then they are opened anew.
final class OpenFiles: Sendable {
  struct State {
    /// How many connections are open.
    var connections = 0
    /// The log and its index, as these connections have opened them; nil if they have none.
    var log: FileStatus?
    var index: FileStatus?
    /// When a name in the directory last changed, if all names were compared since.
    var namesChanged: FileStatus.Time?
    /// In which second of the system's uptime the path was last followed.
    var followed = 0
    /// The database's file as it was when its contents were last looked into.
    var contents: FileStatus?
    /// What this process has told the lock file last.
    var record: CheckpointRecord?
    /// Whether log or index were deleted under these connections, and what was in it saved.
    var loss: Loss?
    /// Why nothing can be done until the program is started again.
    var failure: StoreError?
  }

  struct Loss {
    let error: StoreError
    var isSaved = false
  }

  /// The database as it was named.
  let path: String
  let logPath: String
  let indexPath: String
  /// The file that the path named first.
  let file: FileStatus
  /// Only to look at; closing these drops no lock that SQLite holds.
  private let descriptor: Descriptor
  private let directory: Descriptor
  let state = Locked(State())
  /// Held while a connection is opened: of two at once, nobody could tell which has which log.
  private let opening = Locked(false)
  /// Connections that were opened in vain and may hold what is to be saved.
  private let orphans = Locked<[Connection]>([])
  /// Asks of each connection that nobody uses at this moment whether it may be closed.
  private let closeIdle = Locked<@Sendable () -> Void>({})

  /// Looks at the file.
  ///
  /// - Throws: `unreadable` if there is none.
  init(of path: String) throws(StoreError) {
    let number = unsafe open(path, ts_o_path | O_CLOEXEC)
    guard number >= 0 else {
      throw .unreadable("there is no \(path); `tallystick init` creates it")
    }
    descriptor = Descriptor(owning: number)
    guard let real = realPath(path) else {
      throw .unreadable("there is no \(path); `tallystick init` creates it")
    }
    self.path = path
    file = FileStatus(descriptor.status)
    // SQLite follows links, and has log and index beside the file that they lead to.
    (logPath, indexPath) = (real + "-wal", real + "-shm")
    do throws(FileError) {
      directory = try Descriptor(directory: Directory.parent(of: real), ts_o_path)
    } catch {
      throw StoreError(error)
    }
  }

  /// Says how to ask `mayClose` of each connection that is open and not in use.
  func whenLost(_ close: @escaping @Sendable () -> Void) {
    closeIdle.withLock { $0 = close }
  }

  /// Opens a connection.
  ///
  /// - Parameters:
  ///   - role: What it is for.
  ///   - patience: How long a statement waits for another process's lock.
  ///   - isLocked: Whether the caller holds the write lock.
  /// - Returns: The connection, which has read.
  /// - Throws: What `Connection` throws, and what `verify` would for those that are open.
  func connect(
    as role: Connection.Role, patience: Duration, isLocked: Bool = false
  ) throws(StoreError) -> Connection {
    try opening.withLock { _ throws(StoreError) in
      try connectAlone(as: role, patience: patience, isLocked: isLocked)
    }
  }

  private func connectAlone(
    as role: Connection.Role, patience: Duration, isLocked: Bool
  ) throws(StoreError) -> Connection {
    try state.withLock { state throws(StoreError) in
      if state.connections == 0 {
        // Nothing is open, so whatever lies there now is what will be opened.
        (state.log, state.index, state.namesChanged) = (nil, nil, nil)
        (state.contents, state.loss) = (nil, nil)
      }
      _ = try compare(&state, isOpen: false)
      state.connections += 1
    }
    let ticket = Ticket(self)
    let connection = try Connection(
      at: path, as: role, patience: patience, isLocked: isLocked, ticket: ticket)
    do throws(StoreError) {
      adopt(connection)
      try verify(connection)
      return connection
    } catch {
      // Whoever asked for it may hold a lock of his own: `settle` looks after it.
      if areLost { orphans.withLock { $0.append(connection) } }
      throw error
    }
  }

  /// Learns which log and index the first connection has opened, now that it has read.
  private func adopt(_ connection: Connection) {
    // A database that is not in its usual mode yet has neither.
    guard connection.database.logSize() != nil else { return }
    state.withLock { state in
      guard state.log == nil else { return }
      state.log = openFile(logPath)
      state.index = openFile(indexPath)
    }
  }

  /// The file that a path names if this process has it open; another one if not.
  ///
  /// Somebody may have deleted it since SQLite has opened it.
  private func openFile(_ path: String) -> FileStatus {
    guard let found = FileStatus(of: path) else { return .none }
    // SQLite opens it after as many connections as the process may have.
    for number in 0..<Int32(clamping: min(sysconf(Int32(_SC_OPEN_MAX)), 65_536)) {
      var info = stat()
      if unsafe fstat(number, &info) == 0, FileStatus(info).isSameFile(as: found) { return found }
    }
    return .none
  }

  /// Counts a connection as long as it is open.
  final class Ticket: Sendable {
    private let files: OpenFiles

    fileprivate init(_ files: OpenFiles) { self.files = files }

    deinit { files.state.withLock { $0.connections -= 1 } }
  }

  /// Asks whether the names still lead to the files that the connections have open, and whether
  /// nobody but a checkpoint has written to the database.
  ///
  /// - Throws: `unreadable` if it is not so.
  func verify(_ connection: Connection) throws(StoreError) {
    try state.withLock { state throws(StoreError) in
      let found = try compare(&state, isOpen: true)
      guard found != state.contents else { return }
      // Without a log nobody but us writes.
      guard state.log != nil else { return }
      switch contents(seenBy: connection) {
      case .right(let found), .unclear(let found):
        state.contents = found
      case .overwritten:
        state.failure = overwritten
        throw overwritten
      }
    }
  }

  var overwritten: StoreError {
    .unreadable(
      "\(path) was overwritten: stop the programs, put the database back without -wal and -shm, "
        + "and start them again")
  }

  /// Compares the names with what is open.
  ///
  /// - Parameters:
  ///   - state: What is open; it learns what it does not know yet.
  ///   - isOpen: Whether the caller has a connection that has read: then SQLite itself deletes
  ///     nothing, and what lies there is what the connection has opened.
  /// - Returns: The database's file as it is now.
  /// - Throws: `unreadable` if it is not the same.
  private func compare(_ state: inout State, isOpen: Bool) throws(StoreError) -> FileStatus {
    if let failure = state.failure { throw failure }
    // Whoever deletes, renames or creates a file changes the time of the directory. So two system
    // calls are enough; what lies above the directory is followed once a second.
    let changed = FileStatus.Time(directory.status.st_ctim)
    let second = uptime()
    if changed != state.namesChanged || second != state.followed || state.loss != nil {
      guard let found = FileStatus(of: path) else {
        throw .unreadable("there is no \(path); `tallystick init` creates it")
      }
      guard found.isSameFile(as: file) else {
        throw .unreadable("\(path) was replaced: start the programs again")
      }
      if let loss = state.loss { throw loss.error }
      try compareLog(&state, isOpen: isOpen)
      if isOpen { (state.namesChanged, state.followed) = (changed.isOver ? changed : nil, second) }
    }
    return FileStatus(descriptor.status)
  }

  private func compareLog(_ state: inout State, isOpen: Bool) throws(StoreError) {
    let (log, index) = (FileStatus(of: logPath), FileStatus(of: indexPath))
    for (found, known, path) in [(log, state.log, logPath), (index, state.index, indexPath)] {
      guard let known, found?.isSameFile(as: known) != true else { continue }
      let error = StoreError.unreadable(
        "\(path) was \(found == nil ? "deleted" : "replaced") while programs run")
      state.loss = Loss(error: error)
      throw error
    }
    guard isOpen else { return }
    if state.log == nil { state.log = log }
    if state.index == nil { state.index = index }
  }

  /// Whether the connections that are open are of no more use.
  var areLost: Bool { state.withLock { $0.loss != nil } }

  /// Has the connections closed that nobody uses, if they are of no more use: before the last one is
  /// closed, none is opened.
  func settle() {
    guard areLost else { return }
    // Without a lock: whoever closes them asks for it.
    let orphaned = orphans.withLock { orphans in
      let orphaned = orphans
      orphans = []
      return orphaned
    }
    let kept = orphaned.filter { !mayClose($0) }
    orphans.withLock { $0 += kept }
    let close = closeIdle.withLock { $0 }
    close()
  }
}

/// Whole seconds since the system started.
private func uptime() -> Int {
  var now = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
  return now.tv_sec
}

/// A path without symbolic links; nil if it leads nowhere.
func realPath(_ path: String) -> String? {
  guard let real = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(real) }
  return unsafe String(cString: real)
}
