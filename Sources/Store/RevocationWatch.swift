import Accounts
import Threads

/// The connection that tells whether the database has changed.
///
/// It is asked for every few requests of `check`, so the question has a short form: while the log's
/// header is the same, nobody has committed. Else `data_version` tells a connection of every commit
/// but its own, and this one never commits: so it sees those of this process too.
final class RevocationWatch: Sendable {
  private struct State {
    var connection: Connection?
    var last: RevocationMark?
    /// SQLite's `data_version` from before `last` was read.
    var version: Int64?
    /// The log's header from before `last` was read.
    var header: LogHeader?
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

  /// The mark as it stands now.
  func read() throws(StoreError) -> RevocationMark {
    try state.withLock { state throws(StoreError) in
      do throws(StoreError) {
        return try read(&state)
      } catch {
        // Another connection counts its own versions.
        state = State()
        throw error
      }
    }
  }

  private func read(_ state: inout State) throws(StoreError) -> RevocationMark {
    try file.verify()
    let connection = try open(&state)
    // Taken before the mark is read: what is committed meanwhile is asked for once more.
    let header = state.last == nil ? nil : connection.database.logHeader()
    if let last = state.last, let header, header == state.header { return last }
    defer { state.header = header }
    let version = try connection.first("PRAGMA data_version") { row throws(StoreError) in
      try row.integer(0)
    }
    if let last = state.last, version == state.version { return last }
    // Read after the version: it may be newer than that, and is then read once more, never older.
    let mark = RevocationMark(try connection.revocations())
    (state.version, state.last) = (version, mark)
    return mark
  }

  private func open(_ state: inout State) throws(StoreError) -> Connection {
    if let connection = state.connection { return connection }
    let opened = try Connection(at: path, as: .reader, patience: patience)
    state.connection = opened
    return opened
  }
}
