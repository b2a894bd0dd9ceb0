import Accounts

/// A store whose revocation mark never changes: for the benchmark only, in a copy of `check`.
struct WithoutRevocation: AccountStore {
  private let store: any AccountStore

  init(_ store: any AccountStore) { self.store = store }

  func revocationMark() throws(StoreError) -> RevocationMark { RevocationMark(0) }

  func read<Value>(
    _ body: (any StoreReader) throws(StoreError) -> Value
  ) throws(StoreError) -> Value { try store.read(body) }

  func write<Value: Sendable>(
    _ body: @escaping @Sendable (any StoreTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value { try store.write(body) }

  func writeEach<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>] { store.writeEach(items, body) }

  func accountSessions(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>] {
    try store.accountSessions(of: sessions)
  }
}
