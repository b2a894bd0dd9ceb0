package import Accounts

extension PostgreSQLStore {
  package func writeEach<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>] {
    var results: [Result<Value, StoreError>] = []
    results.reserveCapacity(items.count)
    while results.count < items.count {
      let rest = items[results.count...]
      results += writeTogether(rest, body)
      guard results.count < items.count else { break }
      // What the batch could not do is done alone, in its turn.
      let item = items[results.count]
      results.append(
        Result { () throws(StoreError) in
          try write { rows throws(StoreError) in try body(rows, item) }
        })
    }
    return results
  }

  /// Commits the first items together, up to one that needs a transaction of its own.
  ///
  /// - Returns: One result for each of those; if they fail together, for all of them.
  private func writeTogether<Item: Sendable, Value: Sendable>(
    _ items: ArraySlice<Item>,
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>] {
    let (wanted, count) = sessionsAskedFor(items, body)
    guard count > 0 else { return [] }
    let items = items.prefix(count)
    do throws(StoreError) {
      return try transact { transaction throws(StoreError) in
        let batch = Batch()
        try batch.read(wanted, in: transaction)
        var results: [Result<Value, StoreError>] = []
        for item in items {
          var (result, need) = batch.run { rows throws(StoreError) in try body(rows, item) }
          while case .session(let session)? = need {
            try batch.read([session], in: transaction)
            (result, need) = batch.run { rows throws(StoreError) in try body(rows, item) }
          }
          guard need == nil else { break }
          results.append(result)
        }
        batch.write(in: transaction)
        return results
      }
    } catch {
      return items.map { _ in .failure(error) }
    }
  }

  /// Runs each body as far as its first question.
  ///
  /// - Returns: The sessions that they ask for, each once, and how many of them ask for nothing else.
  private func sessionsAskedFor<Item: Sendable, Value: Sendable>(
    _ items: ArraySlice<Item>,
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> (sessions: [SessionID], count: Int) {
    let nothing = Batch()
    var sessions = Set<SessionID>()
    var count = 0
    for item in items {
      let (_, need) = nothing.run { rows throws(StoreError) in try body(rows, item) }
      switch need {
      case .session(let session): sessions.insert(session)
      case .transaction: return (Array(sessions), count)
      case nil: break
      }
      count += 1
    }
    return (Array(sessions), count)
  }
}
