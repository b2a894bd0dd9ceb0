import Accounts
import Threads

/// What one caller wants written, and how it ended.
///
/// The caller makes it and waits; the committer's thread alone touches it from when it takes it
/// out of the queue until it raises `done`.
class PendingJob: @unchecked Sendable {
  let done = Signal()
  /// Why nothing was written; nil after a commit.
  var failure: StoreError?

  /// Reads and writes inside the transaction that the committer opened.
  func run(on connection: Connection) throws(StoreError) {}
}

/// A job with what it returns to its caller after the commit.
final class Job<Result: Sendable>: PendingJob, @unchecked Sendable {
  typealias Body = @Sendable (Connection) throws(StoreError) -> Result

  private let body: Body
  private(set) var result: Result?

  init(_ body: @escaping Body) {
    self.body = body
  }

  override func run(on connection: Connection) throws(StoreError) {
    result = try body(connection)
  }
}
