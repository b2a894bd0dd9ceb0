import Accounts

/// Many small transactions about sessions as one, in two round trips.
///
/// A body is run first to see which session it asks for. Then those of all are read and locked by one
/// statement, every body runs on what was read, each sees what those before it wrote, and what they
/// wrote goes to the server with the commit. A body that does anything else than to read, replace and
/// delete sessions gets a transaction of its own.
final class Batch {
  /// The sessions that have been read, and what has become of them.
  private(set) var sessions: [SessionID: Result<AccountSession, StoreError>?] = [:]
  private var changed: [SessionID: Session] = [:]
  private var deleted: Set<SessionID> = []
  private var revocations: [Revocation] = []

  /// What a body asked for that it cannot have here.
  enum Need {
    case session(SessionID)
    case transaction
  }

  /// Runs a body; undone if it throws.
  ///
  /// - Returns: What it returned or threw, or what it needs first.
  func run<Value>(
    _ body: (any StoreTransaction) throws(StoreError) -> Value
  ) -> (Result<Value, StoreError>, Need?) {
    let rows = BatchTransaction(sessions)
    let result = Result { () throws(StoreError) in try body(rows) }
    guard rows.need == nil else { return (result, rows.need) }
    if case .success = result {
      for (id, session) in rows.changed {
        changed[id] = session
        if case .success(let former)?? = sessions[id] {
          sessions[id] = .success(AccountSession(session: session, account: former.account))
        }
      }
      for id in rows.deleted {
        deleted.insert(id)
        sessions[id] = .some(nil)
      }
      revocations += rows.revocations
    }
    return (result, nil)
  }

  /// Reads and locks sessions.
  func read(_ wanted: [SessionID], in transaction: ServerTransaction) throws(StoreError) {
    guard !wanted.isEmpty else { return }
    let found = try AccountSessions.read(
      try transaction.run(AccountSessions.lockingQuery, .texts(wanted.map(\.text))))
    for id in wanted { sessions[id] = .some(found[id]) }
  }

  /// Hands what was written to the transaction.
  func write(in transaction: ServerTransaction) {
    let replaced = changed.filter { !deleted.contains($0.key) }.map(\.value)
    if !replaced.isEmpty {
      transaction.runLater(AccountSessions.update, AccountSessions.columns(of: replaced))
    }
    if !deleted.isEmpty {
      transaction.runLater(AccountSessions.delete, .texts(deleted.map(\.text)))
    }
    for revocation in revocations { transaction.noteRevocation(revocation) }
  }
}

/// What one body of a batch works on.
private final class BatchTransaction {
  private let sessions: [SessionID: Result<AccountSession, StoreError>?]
  private(set) var changed: [SessionID: Session] = [:]
  private(set) var deleted: Set<SessionID> = []
  private(set) var revocations: [Revocation] = []
  private(set) var need: Batch.Need?

  init(_ sessions: [SessionID: Result<AccountSession, StoreError>?]) {
    self.sessions = sessions
  }

  /// Notes what cannot be done here; the error ends the body, and nobody sees it.
  private func needs(_ need: Batch.Need) -> StoreError {
    self.need = self.need ?? need
    return .busy
  }
}

extension BatchTransaction: StoreTransaction {
  func accountSession(of session: SessionID) throws(StoreError) -> AccountSession? {
    guard let known = sessions[session] else { throw needs(.session(session)) }
    guard !deleted.contains(session), let found = try known?.get() else { return nil }
    guard let changed = changed[session] else { return found }
    return AccountSession(session: changed, account: found.account)
  }

  func update(_ session: Session) throws(StoreError) {
    guard sessions[session.id] != nil else { throw needs(.session(session.id)) }
    changed[session.id] = session
  }

  func delete(_ session: SessionID) throws(StoreError) -> Bool {
    guard let known = sessions[session] else { throw needs(.session(session)) }
    return known != nil && deleted.insert(session).inserted
  }

  func noteRevocation(_ revocation: Revocation) throws(StoreError) {
    revocations.append(revocation)
  }

  func credentials(named username: Username) throws(StoreError) -> Credentials? {
    throw needs(.transaction)
  }
  func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    throw needs(.transaction)
  }
  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    throw needs(.transaction)
  }
  func sessions(of account: AccountID) throws(StoreError) -> [Session] {
    throw needs(.transaction)
  }
  func accountDevice(of digest: String) throws(StoreError) -> AccountDevice? {
    throw needs(.transaction)
  }
  func devices(of account: AccountID) throws(StoreError) -> [Device] { throw needs(.transaction) }
  func insert(_ device: Device) throws(StoreError) { throw needs(.transaction) }
  func update(_ device: Device) throws(StoreError) { throw needs(.transaction) }
  func delete(_ device: DeviceID) throws(StoreError) -> Bool { throw needs(.transaction) }
  func deleteDevices(of account: AccountID) throws(StoreError) -> Int { throw needs(.transaction) }
  func deleteDevices(endingBy time: NumericDate) throws(StoreError) { throw needs(.transaction) }
  func counter(_ key: AttemptKey) throws(StoreError) -> AttemptCounter? {
    throw needs(.transaction)
  }
  func counters(
    name: String?, network: String?
  ) throws(StoreError) -> [(key: AttemptKey, counter: AttemptCounter)] {
    throw needs(.transaction)
  }
  func lastLogin(
    of username: Username, from network: Network
  ) throws(StoreError) -> NumericDate? {
    throw needs(.transaction)
  }
  func logins(
    of account: AccountID
  ) throws(StoreError) -> [(network: Network, at: NumericDate)] {
    throw needs(.transaction)
  }
  func insert(_ credentials: Credentials) throws(StoreError) -> Bool { throw needs(.transaction) }
  func update(_ credentials: Credentials) throws(StoreError) { throw needs(.transaction) }
  func delete(_ account: AccountID) throws(StoreError) -> Bool { throw needs(.transaction) }
  func insert(_ session: Session) throws(StoreError) { throw needs(.transaction) }
  func insert(_ handover: Handover) throws(StoreError) { throw needs(.transaction) }
  func takeHandover(_ code: String) throws(StoreError) -> Handover? { throw needs(.transaction) }
  func deleteRevocations(before time: NumericDate) throws(StoreError) {
    throw needs(.transaction)
  }
  func deleteHandovers(endingBefore time: NumericDate) throws(StoreError) {
    throw needs(.transaction)
  }
  func delete(_ session: SessionID, of account: AccountID) throws(StoreError) -> Bool {
    throw needs(.transaction)
  }
  func deleteSessions(of account: AccountID) throws(StoreError) { throw needs(.transaction) }
  func deleteSessions(endingBy time: NumericDate) throws(StoreError) -> Int {
    throw needs(.transaction)
  }
  func deleteSessions(lastUsedBefore time: NumericDate) throws(StoreError) -> Int {
    throw needs(.transaction)
  }
  func store(_ counter: AttemptCounter, for key: AttemptKey) throws(StoreError) {
    throw needs(.transaction)
  }
  func deleteCounter(_ key: AttemptKey) throws(StoreError) { throw needs(.transaction) }
  func storeLogin(
    of account: AccountID, from network: Network, at time: NumericDate
  ) throws(StoreError) {
    throw needs(.transaction)
  }
  func deleteLogins(before time: NumericDate) throws(StoreError) { throw needs(.transaction) }
}
