// The protocols that a store engine implements: rows, transactions and the revocation mark.
//
// An engine contains no rule. The extensions of `AccountStore` in this module make every decision,
// for example what a presented refresh token does, who is banned, and which sessions end. They read
// and write the rows of one transaction. Every engine must pass the tests in `Tests/StoreTests`.

/// Reads rows as they are at one moment.
///
/// A row that these programs would never write is reported as `corrupt` and never replaced by a
/// default value, because names and groups become response headers. A reader is valid only inside
/// the body that receives it.
package protocol StoreReader {
  /// The account with this name and its password hash, or nil.
  func credentials(named username: Username) throws(StoreError) -> Credentials?
  /// The account with this identifier and its password hash, or nil.
  func credentials(of account: AccountID) throws(StoreError) -> Credentials?
  /// At most `limit` accounts in the order of their names.
  ///
  /// They start after the given name, or with the first account if the name is nil.
  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account]
  /// A session and its account, or nil; an expired session is returned too.
  func accountSession(of session: SessionID) throws(StoreError) -> AccountSession?
  /// All sessions of an account, also expired ones; the session that was inserted last comes first.
  func sessions(of account: AccountID) throws(StoreError) -> [Session]
  /// The device token with this digest and its account, or nil; an expired one is returned too.
  func accountDevice(of digest: String) throws(StoreError) -> AccountDevice?
  /// All device tokens of an account, also expired ones, in any order.
  func devices(of account: AccountID) throws(StoreError) -> [Device]
  /// The counter of a key, or nil.
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter?
  /// The counters of this name and of this network; nil matches all names or all networks.
  func counters(
    name: String?, network: String?
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)]
  /// The time when the account with this name last logged in from this network, or nil.
  func lastLogin(
    of username: Username, from network: Network
  ) throws(StoreError) -> NumericDate?
  /// The networks from which an account has logged in, each with its last login.
  func logins(
    of account: AccountID
  ) throws(StoreError) -> [(network: Network, at: NumericDate)]
}

/// A transaction that may write.
///
/// Its reads see its own writes. The isolation is serializable: between its reads and its commit no
/// other transaction may commit a change of the rows that it has read.
package protocol StoreTransaction: StoreReader {
  /// Adds an account; returns false and adds nothing if the name is taken.
  func insert(_ credentials: Credentials) throws(StoreError) -> Bool
  /// Replaces groups, version, disabled flag and password hash of an existing account.
  func update(_ credentials: Credentials) throws(StoreError)
  /// Deletes an account, its sessions, device tokens and known networks; returns false if there is
  /// none.
  func delete(_ account: AccountID) throws(StoreError) -> Bool

  /// Adds a session.
  func insert(_ session: Session) throws(StoreError)
  /// Replaces the members of an existing session that a refresh or a confirmation changes.
  func update(_ session: Session) throws(StoreError)
  /// Deletes a session; returns false if there is none.
  func delete(_ session: SessionID) throws(StoreError) -> Bool
  /// Deletes a session of this account; returns false if the account has no such session.
  func delete(_ session: SessionID, of account: AccountID) throws(StoreError) -> Bool
  /// Deletes all sessions of an account.
  func deleteSessions(of account: AccountID) throws(StoreError)
  /// Deletes all sessions that end at this time or earlier, and returns their number.
  func deleteSessions(endingBy time: NumericDate) throws(StoreError) -> Int
  /// Deletes all sessions that were last used before this time, and returns their number.
  func deleteSessions(lastUsedBefore time: NumericDate) throws(StoreError) -> Int

  /// Adds a device token.
  func insert(_ device: Device) throws(StoreError)
  /// Replaces the last use of an existing device token.
  func update(_ device: Device) throws(StoreError)
  /// Deletes a device token; returns false if there is none.
  func delete(_ device: DeviceID) throws(StoreError) -> Bool
  /// Deletes all device tokens of an account, and returns their number.
  func deleteDevices(of account: AccountID) throws(StoreError) -> Int
  /// Deletes all device tokens that end at this time or earlier.
  func deleteDevices(endingBy time: NumericDate) throws(StoreError)

  /// Adds a one-time code.
  func insert(_ handover: Handover) throws(StoreError)
  /// Deletes the one-time code with this digest, and returns it; nil if there is none.
  func takeHandover(_ code: String) throws(StoreError) -> Handover?
  /// Deletes all one-time codes that expired before this time.
  func deleteHandovers(endingBefore time: NumericDate) throws(StoreError)

  /// Adds or replaces a counter.
  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError)
  /// Deletes a counter, if there is one.
  func deleteCounter(_ key: AttemptKey) throws(StoreError)

  /// Stores the time of an account's last login from a network.
  func storeLogin(
    of account: AccountID, from network: Network, at time: NumericDate
  ) throws(StoreError)
  /// Deletes the stored logins that are older than this time.
  func deleteLogins(before time: NumericDate) throws(StoreError)

  /// Notes that this transaction revokes something: its commit changes the revocation mark.
  func noteRevocation(_ revocation: Revocation) throws(StoreError)
  /// Deletes the notes of revocations that are older than this time, if the engine keeps notes.
  ///
  /// The revocation mark does not change.
  func deleteRevocations(before time: NumericDate) throws(StoreError)
}

/// What a transaction revokes, for an engine that informs other hosts.
package enum Revocation: Equatable, Sendable {
  /// One session.
  case session(SessionID)
  /// All sessions or device tokens of an account, or the groups in its tokens.
  case account(AccountID)
  /// One device token.
  case device(DeviceID)
  /// Sessions that were not listed.
  case anySession
}

/// A value that changes with every revocation.
///
/// If two marks are equal, nothing was revoked between them. Logins and rotations do not change the
/// mark.
package struct RevocationMark: Hashable, Sendable {
  private let value: Int64

  /// Takes the engine's value, which must change with every commit that notes a revocation.
  package init(_ value: Int64) {
    self.value = value
  }
}

/// A store of accounts, sessions and attempts: the protocol that an engine implements.
///
/// Any thread of any process may call any method.
package protocol AccountStore: Sendable {
  /// Runs a body that reads rows as they are at one moment.
  ///
  /// The body must only read: an engine may run it again from the start.
  ///
  /// - Returns: The result of the body.
  /// - Throws: The error of the body or of a read.
  func read<Value>(
    _ body: (any StoreReader) throws(StoreError) -> Value
  ) throws(StoreError) -> Value

  /// Runs a body in a transaction.
  ///
  /// The body must only use its transaction: after a serialization failure an engine may run it
  /// again in a new transaction.
  ///
  /// When this method returns, the writes of the body are on the disk. When it throws, nothing was
  /// written.
  ///
  /// - Returns: The result of the body in the run that was committed.
  /// - Throws: The error of the body or of the commit; `busy` if other writers take too long.
  func write<Value: Sendable>(
    _ body: @escaping @Sendable (any StoreTransaction) throws(StoreError) -> Value
  ) throws(StoreError) -> Value

  /// Runs a body once for each item, in the order of the items, each time in its own transaction.
  ///
  /// Each transaction sees the writes of those before it. If one fails, the others are not
  /// affected. An engine may commit several together, so that they share one sync of the disk. As
  /// with `write`, the body may be run again.
  ///
  /// - Returns: One result for each item; the writes of a success are on the disk.
  func writeEach<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    _ body: @escaping @Sendable (any StoreTransaction, Item) throws(StoreError) -> Value
  ) -> [Result<Value, StoreError>]

  /// Reads sessions and their accounts as they are at one moment.
  ///
  /// Sessions that do not exist are left out. If one session is damaged, only its own result is a
  /// failure.
  func accountSessions(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>]

  /// Reads device tokens, by their digests, and their accounts as they are at one moment.
  ///
  /// Tokens that do not exist are left out. If one is damaged, only its own result is a failure.
  func accountDevices(
    of digests: [String]
  ) throws(StoreError) -> [String: Result<AccountDevice, StoreError>]

  /// Reads the current revocation mark, which tells whether cached decisions are still valid.
  ///
  /// This is fast. After any process has acknowledged a revocation, the mark differs from every
  /// mark that was read before.
  func revocationMark() throws(StoreError) -> RevocationMark
}

extension AccountStore {
  /// Goes the whole way of a write, and has nothing to write: so a full disk is not noticed.
  ///
  /// If somebody else writes all the time that it waits, then the store can be written.
  ///
  /// - Throws: What keeps a write from being begun and committed.
  package func proveWritable() throws(StoreError) {
    do throws(StoreError) {
      // No code has this digest.
      try write { rows throws(StoreError) in _ = try rows.takeHandover("") }
    } catch {
      guard error == .busy else { throw error }
    }
  }
}
