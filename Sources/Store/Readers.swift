import Accounts
import Threads

/// Connections for reading, as many as threads read at once.
final class Readers: Sendable {
  private let files: OpenFiles
  private let patience: Duration
  private let idle: Locked<[Connection]>

  /// Opens the first, so that a database that cannot be read is found out at the start.
  init(of files: OpenFiles, patience: Duration) throws(StoreError) {
    self.files = files
    self.patience = patience
    idle = Locked([try files.connect(as: .reader, patience: patience)])
  }

  /// Closes the connections that nobody uses and that may be closed.
  func closeIdle() {
    let unused = idle.withLock { idle in
      let unused = idle
      idle = []
      return unused
    }
    let kept = unused.filter { !files.mayClose($0) }
    idle.withLock { $0 += kept }
  }

  /// Reads with a connection of one's own.
  ///
  /// - Parameter body: What reads.
  /// - Returns: What the body returned.
  /// - Throws: What the body threw; the connection is then given up.
  func read<T>(_ body: (Connection) throws(StoreError) -> T) throws(StoreError) -> T {
    let connection = try take()
    do throws(StoreError) {
      try files.verify(connection)
      let result = try body(connection)
      // What was read while somebody exchanged the files is worth nothing.
      try files.verify(connection)
      idle.withLock { $0.append(connection) }
      return result
    } catch {
      if !files.mayClose(connection) { idle.withLock { $0.append(connection) } }
      throw error
    }
  }

  private func take() throws(StoreError) -> Connection {
    if let connection = idle.withLock({ $0.popLast() }) { return connection }
    do throws(StoreError) {
      return try files.connect(as: .reader, patience: patience)
    } catch {
      files.settle()
      throw error
    }
  }
}
