// The implementation of `AccountStore` on SQLite.
//
// Accounts/AccountStore.swift describes the methods, and Tests/StoreTests tests them for every
// engine.

package import Accounts

extension Connection: StoreTransaction {}

extension SQLiteStore {
  package func read<Value>(
    _ body: (any StoreReader) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    try readers.read { connection throws(StoreError) in
      try connection.snapshot { () throws(StoreError) in try body(connection) }
    }
  }

  package func write<Value: Sendable>(
    _ body: @escaping @Sendable (any StoreTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    let results = committer.write([()]) { connection, _ throws(StoreError) in
      try body(connection)
    }
    guard let result = results.first else {
      throw .corrupt("a transaction ended without a result")
    }
    return try result.get()
  }

  package func writeEach<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>] {
    guard !items.isEmpty else { return [] }
    return committer.write(items) { connection, item throws(StoreError) in
      try body(connection, item)
    }
  }

  package func accountSessions(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>] {
    guard !sessions.isEmpty else { return [:] }
    do throws(StoreError) {
      // All sessions are read in one transaction, which requests the locks only once.
      return try read { rows throws(StoreError) in
        var accountSessions: [SessionID: Result<AccountSession, StoreError>] = [:]
        for session in sessions {
          accountSessions[session] = try rows.accountSession(of: session).map { .success($0) }
        }
        return accountSessions
      }
    } catch {
      guard case .corrupt = error else { throw error }
      return try accountSessionsApart(sessions)
    }
  }

  /// Reads each session in its own transaction.
  ///
  /// After SQLite has found damage, it cannot end the transaction properly, and the connection is
  /// closed. So one damaged session would make reading the others fail.
  private func accountSessionsApart(
    _ sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>] {
    var accountSessions: [SessionID: Result<AccountSession, StoreError>] = [:]
    for session in sessions {
      do throws(StoreError) {
        accountSessions[session] = try accountSession(of: session).map { .success($0) }
      } catch {
        guard case .corrupt = error else { throw error }
        accountSessions[session] = .failure(error)
      }
    }
    return accountSessions
  }
}
