import Accounts
import Threads

/// The transactions of one caller, and how they ended.
///
/// The caller makes it and waits; the committer's thread alone touches it from when it takes it
/// out of the queue until it raises `done`.
class PendingJob: @unchecked Sendable {
  let done = Signal()
  /// How many transactions these are.
  var count: Int { 0 }

  /// Reads and writes inside the savepoint that the writer opened for this transaction.
  func run(_ index: Int, on connection: Connection) throws(StoreError) {}
  /// Notes that this transaction was undone.
  func fail(_ index: Int, with failure: StoreError) {}
}

/// The transactions of one caller with what they return after the commit.
final class Job<Item: Sendable, Value: Sendable>: PendingJob, @unchecked Sendable {
  typealias Body = @Sendable (Connection, Item) throws(StoreError) -> Value

  private let items: [Item]
  private let body: Body
  private(set) var results: [Result<Value, StoreError>]

  init(_ items: [Item], _ body: @escaping Body) {
    self.items = items
    self.body = body
    // Nothing was written as long as nothing ran.
    results = Array(repeating: .failure(.busy), count: items.count)
  }

  override var count: Int { items.count }

  override func run(_ index: Int, on connection: Connection) throws(StoreError) {
    results[index] = .success(try body(connection, items[index]))
  }

  override func fail(_ index: Int, with failure: StoreError) {
    results[index] = .failure(failure)
  }
}
