import Accounts
import Threads

/// One transaction on the server.
///
/// It begins with its first statement, in the same packet. What returns nothing is sent together
/// with the next statement that does, or with the commit.
///
/// A transaction that writes is READ COMMITTED, and every row that it reads it locks until its end
/// (`FOR UPDATE`): so nobody changes between its reads and its commit what it has read. A row that is
/// not there cannot be locked: who adds one that was missing adds it on this condition, and the
/// transaction is repeated where another was quicker (`AttemptTable.swift`). Two reads go without
/// locks, each with its reason: the account beside a session (`SessionTable.swift`) and known
/// networks (`AttemptTable.swift`). Locks are taken in one order, so that transactions seldom wait
/// for each other in a circle: account, counters (pair, network, name), sessions by identifier,
/// device tokens by identifier, feed.
final class ServerTransaction {
  enum Mode {
    /// Reads of one moment.
    case snapshot
    case write
  }

  let mode: Mode
  private let connection: ServerConnection
  private let patience: Duration
  /// Counters that were asked for and not there.
  var missingCounters: Set<AttemptKey> = []
  private var revocations: [Revocation] = []
  private var isBegun = false
  /// What the server refused, for whoever decides whether to repeat it.
  private(set) var failure: Failure?
  /// Whether the server may have committed without our knowing.
  private(set) var isCommitUnknown = false

  init(_ mode: Mode, on connection: ServerConnection, patience: Duration) {
    self.mode = mode
    self.connection = connection
    self.patience = patience
  }

  /// Runs a statement, after those that wait.
  func run(_ sql: StaticString, _ values: Value...) throws(StoreError) -> Answer {
    try run(sql, values)
  }

  /// Runs a statement, after those that wait.
  func run(_ sql: StaticString, _ values: [Value]) throws(StoreError) -> Answer {
    begin()
    connection.queue(sql, values)
    guard let answer = try exchange(until: statementDeadline).last else {
      throw .corrupt("PostgreSQL: a statement has no answer")
    }
    return answer
  }

  /// Has a statement run with the next one or with the commit.
  func runLater(_ sql: StaticString, _ values: Value...) {
    runLater(sql, values)
  }

  /// Has a statement run with the next one or with the commit.
  func runLater(_ sql: StaticString, _ values: [Value]) {
    begin()
    connection.queue(sql, values)
  }

  /// The first row of a query, or nil.
  func first<T>(
    _ answer: Answer, read: (Row) throws(StoreError) -> T
  ) throws(StoreError) -> T? {
    answer.count > 0 ? try read(answer[0]) : nil
  }

  /// Notes a revocation, which the commit adds to the feed.
  func noteRevocation(_ revocation: Revocation) {
    revocations.append(revocation)
  }

  /// Gives the transaction up because another was quicker: it is repeated.
  func conflict() -> StoreError {
    failure = failure ?? Failure(kind: .conflict, error: .busy)
    return .busy
  }

  private func begin() {
    guard !isBegun else { return }
    isBegun = true
    switch mode {
    case .snapshot:
      connection.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])
    case .write:
      connection.queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", [])
    }
    guard connection.kind.isPooled else { return }
    // Not for the session, which belongs to whoever comes next. `true` is for this transaction.
    for (name, value) in serverSettings(patience: patience) {
      connection.queue(
        "SELECT set_config($1::text, $2::text, true)", [.text(name), .text(value)])
    }
  }

  private func exchange(until deadline: Deadline) throws(StoreError) -> [Answer] {
    if let failure { throw failure.error }
    do throws(Failure) {
      return try connection.exchange(until: deadline)
    } catch {
      failure = error
      throw error.error
    }
  }

  /// The server gives a statement up by itself after our patience; this is for one that is silent.
  private var statementDeadline: Deadline { Deadline(after: patience + .seconds(1)) }

  /// Commits what was written.
  ///
  /// - Throws: Why it is not committed, or not known to be.
  func commit() throws(StoreError) {
    if let failure { throw failure.error }
    guard mode == .write else {
      if isBegun { connection.post("COMMIT") }
      return
    }
    // Last, so that nobody waits for a place in the feed while holding it.
    if !revocations.isEmpty { appendToFeed(revocations, shard: connection.shard) }
    guard isBegun else { return }
    let warnings = connection.warningCount
    connection.queue("COMMIT", [])
    do throws(StoreError) {
      // Whatever has passed already: a commit on its way is waited for.
      let answer = try exchange(until: Deadline(after: patience)).last
      guard answer?.command == "COMMIT" else { throw .busy }
    } catch {
      isCommitUnknown = failure?.kind == .broken
      if failure?.state == "23505" { connection.shard = RevocationFeed.randomShard() }
      throw error
    }
    // "The transaction has already committed locally, but might not have been replicated."
    if connection.warningCount != warnings {
      isCommitUnknown = true
      failure = .broken("the server warned while it committed")
      throw .unreadable("PostgreSQL: the server warned while it committed")
    }
  }

  /// Undoes everything, if it can still be reached.
  func rollback() {
    guard isBegun, !connection.isBroken else { return }
    connection.queue("ROLLBACK", [])
    do throws(Failure) {
      _ = try connection.exchange(until: statementDeadline)
    } catch {
      // Nobody may go on in a transaction of ours.
      connection.giveUp()
    }
  }
}

extension ServerTransaction: StoreTransaction {}
