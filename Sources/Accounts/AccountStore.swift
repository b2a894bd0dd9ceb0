// What a store engine provides: rows, transactions, and the news that a right was taken away.
//
// An engine knows no rule. Every decision (what a presented refresh token does, who is banned,
// which sessions end) is made in this module, in the extensions of `AccountStore`, on the rows of
// one transaction. `Tests/StoreTests` holds the contract suite that any engine must pass.

/// Rows as they stand at one moment.
///
/// A row that no program of ours would have written is `corrupt`, never a default value: names and
/// groups become response headers. A reader is valid only inside the body it was given to.
package protocol StoreReader {
  /// The account of this name with its password hash, or nil.
  func credentials(named username: Username) throws(StoreError) -> Credentials?
  /// The account of this identifier with its password hash, or nil.
  func credentials(of account: AccountID) throws(StoreError) -> Credentials?
  /// Accounts in the order of their names: at most `limit` of those after a name, or from the first.
  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account]
  /// A session, expired or not, with its account, or nil.
  func accountSession(of session: SessionID) throws(StoreError) -> AccountSession?
  /// All sessions of an account, expired or not, the one inserted last first.
  func sessions(of account: AccountID) throws(StoreError) -> [Session]
  /// The counter of a key, or nil.
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter?
  /// The counters with this name, with this network, with both, or all.
  func counters(
    name: String?, network: String?
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)]
  /// When the account of this name last logged in from this network, or nil.
  func lastLogin(
    of username: Username, from network: Network
  ) throws(StoreError) -> NumericDate?
}

/// A transaction that may write.
///
/// It reads what it has written. No other transaction may write between its reads and its commit
/// what would have changed them (serializable isolation).
package protocol StoreTransaction: StoreReader {
  /// Adds an account; false, and nothing added, if its name is taken.
  func insert(_ credentials: Credentials) throws(StoreError) -> Bool
  /// Replaces the groups, version, flag and password hash of an account that is there.
  func update(_ credentials: Credentials) throws(StoreError)
  /// Deletes an account with its sessions and known networks; false if there is none.
  func delete(_ account: AccountID) throws(StoreError) -> Bool

  /// Adds a session.
  func insert(_ session: Session) throws(StoreError)
  /// Replaces what a refresh or a confirmation changes of a session that is there.
  func update(_ session: Session) throws(StoreError)
  /// Deletes a session; false if there is none.
  func delete(_ session: SessionID) throws(StoreError) -> Bool
  /// Deletes a session if it is this account's; false if there is none.
  func delete(_ session: SessionID, of account: AccountID) throws(StoreError) -> Bool
  /// Deletes all sessions of an account.
  func deleteSessions(of account: AccountID) throws(StoreError)
  /// Deletes all sessions that end at this time or before it; how many.
  func deleteSessions(endingBy time: NumericDate) throws(StoreError) -> Int
  /// Deletes all sessions last used before this time; how many.
  func deleteSessions(lastUsedBefore time: NumericDate) throws(StoreError) -> Int

  /// Adds a one-time code.
  func insert(_ handover: Handover) throws(StoreError)
  /// Deletes the one-time code with this digest and returns it; nil if there is none.
  func takeHandover(_ code: String) throws(StoreError) -> Handover?
  /// Deletes all one-time codes whose last second lies before this time.
  func deleteHandovers(endingBefore time: NumericDate) throws(StoreError)

  /// Adds or replaces a counter.
  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError)
  /// Deletes a counter if it is there.
  func deleteCounter(_ key: AttemptKey) throws(StoreError)

  /// Adds a network from which an account logged in, or replaces the time of its last login there.
  func storeLogin(
    of account: AccountID, from network: Network, at time: NumericDate
  ) throws(StoreError)
  /// Deletes all known networks whose last login was before this time.
  func deleteLogins(before time: NumericDate) throws(StoreError)

  /// Notes that this transaction takes a right away: its commit changes the revocation mark.
  func noteRevocation(_ revocation: Revocation) throws(StoreError)
}

/// Whose rights a transaction takes away, for an engine that tells other hosts of it.
package enum Revocation: Equatable, Sendable {
  /// Of one session.
  case session(SessionID)
  /// Of all sessions of an account, or what its tokens say of its groups.
  case account(AccountID)
  /// Of sessions that were not listed.
  case anySession
}

/// The state of a store as far as rights go: between two equal marks no right was taken away.
///
/// Logins and rotations leave it alone.
package struct RevocationMark: Hashable, Sendable {
  private let value: Int64

  /// An engine's own value, which changes with every commit that notes a revocation.
  package init(_ value: Int64) {
    self.value = value
  }
}

/// Accounts, sessions and attempts that outlive the process: what an engine provides.
///
/// All methods may be called from any thread and any process.
package protocol AccountStore: Sendable {
  /// Reads rows of one moment.
  ///
  /// - Returns: What the body returned.
  /// - Throws: What the body threw or what reading met.
  func read<Value>(
    _ body: (any StoreReader) throws(StoreError) -> Value
  ) throws(StoreError) -> Value

  /// Runs a body in a transaction.
  ///
  /// The body does nothing but use its transaction: an engine may run it again from the start,
  /// after a serialization failure, in a new transaction.
  ///
  /// When it returns, what the body wrote is on the disk; when it throws, nothing was written.
  ///
  /// - Returns: What the body returned in the run that was committed.
  /// - Throws: What the body or the commit threw; `busy` where other writers take too long.
  func write<Value: Sendable>(
    _ body: @escaping @Sendable (any StoreTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value

  /// Runs a body for each of these items, in a transaction for each, in their order.
  ///
  /// Each sees what those before it wrote, and the failure of one leaves the others alone. An
  /// engine may commit several together, so that they share a sync to the disk. The body may be
  /// run again, as that of `write`.
  ///
  /// - Returns: One result for each item; a success is on the disk.
  func writeEach<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>]

  /// Sessions with their accounts, of one moment; those that are not there are left out.
  ///
  /// A session that is damaged is a failure of its own, and none of the others'.
  func accountSessions(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>]

  /// The mark as it stands now: one cheap question for many cached answers.
  ///
  /// Whoever asks after a revocation was acknowledged, here or in another process, gets another
  /// mark than before it.
  func revocationMark() throws(StoreError) -> RevocationMark
}
