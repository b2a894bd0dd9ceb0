import Accounts
import Threads

/// The connection that tells whether the database has changed.
///
/// It is asked for every few requests of `check`, so the question has a short form: while the log's
/// header is the same, nobody has committed. Else `data_version` tells a connection of every commit
/// but its own, and this one never commits: so it sees those of this process too.
final class Marks: Sendable {
  private struct State {
    var connection: Connection?
    var last: StoreMarks?
    /// The log's header from before `last` was read.
    var header: LogHeader?
    /// Keeps `change` rising when the connection, and with it SQLite's count, is replaced.
    var base: UInt64 = 0
  }

  private let path: String
  private let file: FileIdentity
  private let patience: Duration
  private let state = Locked(State())

  init(of path: String, _ file: FileIdentity, patience: Duration) {
    self.path = path
    self.file = file
    self.patience = patience
  }

  /// The marks as they stand now.
  func read() throws(StoreError) -> StoreMarks {
    try state.withLock { state throws(StoreError) in
      do throws(StoreError) {
        return try read(&state)
      } catch {
        state.connection = nil
        state.header = nil
        state.base = (state.last?.change ?? state.base) + 1
        throw error
      }
    }
  }

  private func read(_ state: inout State) throws(StoreError) -> StoreMarks {
    try file.verify()
    let connection = try open(&state)
    // Taken before the marks are read: what is committed meanwhile is asked for once more.
    let header = state.last == nil ? nil : connection.database.logHeader()
    if let last = state.last, let header, header == state.header { return last }
    defer { state.header = header }
    let version = try connection.first("PRAGMA data_version") { row throws(StoreError) in
      try row.integer(0)
    }
    let change = state.base + UInt64(clamping: version ?? 0)
    if let last = state.last, last.change == change { return last }
    // Read after the version: it may be newer than that, and is then read once more, never older.
    let marks = StoreMarks(change: change, revocations: try connection.revocations())
    state.last = marks
    return marks
  }

  private func open(_ state: inout State) throws(StoreError) -> Connection {
    if let connection = state.connection { return connection }
    let opened = try Connection(at: path, as: .reader, patience: patience)
    state.connection = opened
    return opened
  }
}
