import Accounts
import Threads

/// Connections for reading, as many as threads read at once.
final class Readers: Sendable {
  private let path: String
  private let file: FileIdentity
  private let patience: Duration
  private let idle: Locked<[Connection]>

  /// Opens the first, so that a database that cannot be read is found out at the start.
  init(at path: String, _ file: FileIdentity, patience: Duration) throws(StoreError) {
    self.path = path
    self.file = file
    self.patience = patience
    idle = Locked([try Connection(at: path, as: .reader, patience: patience)])
  }

  /// Reads with a connection of one's own.
  ///
  /// - Parameter body: What reads.
  /// - Returns: What the body returned.
  /// - Throws: What the body threw; the connection is then given up.
  func read<T>(_ body: (Connection) throws(StoreError) -> T) throws(StoreError) -> T {
    try file.verify()
    let connection =
      if let connection = idle.withLock({ $0.popLast() }) {
        connection
      } else {
        try Connection(at: path, as: .reader, patience: patience)
      }
    let result = try body(connection)
    idle.withLock { $0.append(connection) }
    return result
  }
}
