package import Accounts
import Threads

extension PostgreSQLStore {
  package func read<Value>(
    _ body: (any StoreReader) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    try repeating(.snapshot, body)
  }

  package func write<Value: Sendable>(
    _ body: @escaping @Sendable (any StoreTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    try repeating(.write) { (rows: any StoreTransaction) throws(StoreError) in try body(rows) }
  }

  /// Runs a body in a transaction that writes, again and again until nothing is in its way.
  func transact<Value>(
    _ body: (ServerTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    try repeating(.write, body)
  }

  private func repeating<Value, Rows>(
    _ mode: ServerTransaction.Mode, _ body: (Rows) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    let deadline = Deadline(after: options.patience)
    var repetition = Repetition(until: deadline)
    while true {
      let connection = try explained { () throws(Failure) in try pool.take(until: deadline) }
      let outcome = run(mode, on: connection, body)
      pool.give(back: connection)
      switch outcome {
      case .done(let value): return value
      case .failed(let error): throw error
      case .undone(let failure):
        if failure.kind == .unprepared { pool.usePooler() }
        guard repetition.isWorthwhile(after: failure) else { throw failure.error }
      }
    }
  }

  private enum Outcome<Value> {
    case done(Value)
    /// Nothing was written, and why: it may be repeated.
    case undone(Failure)
    /// The body threw, or nobody knows whether it was committed.
    case failed(StoreError)
  }

  private func run<Value, Rows>(
    _ mode: ServerTransaction.Mode, on connection: ServerConnection,
    _ body: (Rows) throws(StoreError) -> Value
  ) -> Outcome<Value> {
    let transaction = ServerTransaction(mode, on: connection, patience: options.patience)
    guard let rows = transaction as? Rows else { return .failed(.busy) }
    do throws(StoreError) {
      let value = try body(rows)
      try transaction.commit()
      return .done(value)
    } catch {
      transaction.rollback()
      guard let failure = transaction.failure, !transaction.isCommitUnknown else {
        return .failed(error)
      }
      return .undone(failure)
    }
  }
}
