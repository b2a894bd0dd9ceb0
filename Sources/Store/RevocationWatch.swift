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

  private let files: OpenFiles
  private let patience: Duration
  private let state = Locked(State())

  init(of files: OpenFiles, patience: Duration) {
    self.files = files
    self.patience = patience
  }

  /// The mark as it stands now.
  func read() throws(StoreError) -> RevocationMark {
    var spoiled: Connection?
    do throws(StoreError) {
      return try state.withLock { state throws(StoreError) in
        do throws(StoreError) {
          return try read(&state)
        } catch {
          spoiled = state.connection
          // Another connection counts its own versions.
          state = State()
          throw error
        }
      }
    } catch {
      if let spoiled, !files.mayClose(spoiled) { keep(spoiled) }
      files.settle()
      throw error
    }
  }

  private func keep(_ connection: Connection) {
    state.withLock { state in
      if state.connection == nil { state.connection = connection }
    }
  }

  /// Closes the connection if it may be closed.
  func closeIdle() {
    let unused = state.withLock { state in
      let unused = state.connection
      state = State()
      return unused
    }
    if let unused, !files.mayClose(unused) { keep(unused) }
  }

  private func read(_ state: inout State) throws(StoreError) -> RevocationMark {
    let connection = try open(&state)
    try files.verify(connection)
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
    let opened = try files.connect(as: .reader, patience: patience)
    state.connection = opened
    return opened
  }
}
