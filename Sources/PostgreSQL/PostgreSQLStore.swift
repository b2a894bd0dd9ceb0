package import Accounts
import Glibc
import Threads

/// How a store on a server waits and what it bounds.
package struct PostgreSQLOptions: Sendable {
  /// How long a caller waits for the server and for other writers before `busy`.
  package var patience: Duration = .seconds(5)
  /// How many connections a process opens at the most.
  package var connections = 6
  /// How old what `revocationMark` says may be; zero asks the server each time.
  package var staleness: Duration = .zero

  package init() {}
}

/// Accounts, sessions and attempts in a PostgreSQL database, for any number of hosts.
///
/// Its tables lie in the schema `tallystick`.
package final class PostgreSQLStore: AccountStore, Sendable {
  let pool: Pool
  let options: PostgreSQLOptions
  let follower: RevocationFollower

  /// Opens a store that `create` made.
  ///
  /// - Parameters:
  ///   - uri: A URI of libpq.
  ///   - options: How it waits.
  /// - Throws: `unreadable` where libpq, the server or the tables are missing, `schema` for newer or
  ///   older tables. Nothing is ever created or repaired.
  package init(
    uri: String, options: PostgreSQLOptions = PostgreSQLOptions()
  ) throws(StoreError) {
    let library = try Library.load()
    let pool = Pool(try ServerAddress(uri, library), options, library)
    self.pool = pool
    self.options = options
    follower = RevocationFollower(staleness: options.staleness) { () throws(StoreError) in
      try PostgreSQLStore.askForMark(pool, options)
    }
    // So that a server that cannot be used is found out at the start.
    let first = try explained { () throws(Failure) in
      try pool.take(until: Deadline(after: options.patience))
    }
    pool.give(back: first)
  }

  deinit {
    follower.stop()
  }

  package func revocationMark() throws(StoreError) -> RevocationMark {
    try follower.mark()
  }

  private static func askForMark(
    _ pool: Pool, _ options: PostgreSQLOptions
  ) throws(StoreError) -> RevocationMark {
    try pool.ask(RevocationFeed.heads, [], patience: options.patience, RevocationFeed.mark)
  }

  package func accountSessions(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<AccountSession, StoreError>] {
    guard !sessions.isEmpty else { return [:] }
    return try pool.ask(
      AccountSessions.query, [.texts(sessions.map(\.text))], patience: options.patience,
      AccountSessions.read)
  }

  package func accountDevices(
    of digests: [String]
  ) throws(StoreError) -> [String: Result<AccountDevice, StoreError>] {
    guard !digests.isEmpty else { return [:] }
    return try pool.ask(
      AccountDevices.query, [.texts(digests)], patience: options.patience, AccountDevices.read)
  }
}

extension Pool {
  /// Runs one statement that only reads, on a new connection if the first was lost meanwhile.
  func ask<T>(
    _ sql: StaticString, _ values: [Value], patience: Duration,
    _ read: (Answer) throws(StoreError) -> T
  ) throws(StoreError) -> T {
    let deadline = Deadline(after: patience)
    var repetition = Repetition(until: deadline)
    while true {
      do throws(Failure) {
        let connection = try take(until: deadline)
        defer { give(back: connection) }
        connection.queue(sql, values)
        guard
          let answer = try connection.exchange(until: Deadline(after: patience + .seconds(1))).first
        else {
          throw .broken("a statement has no answer")
        }
        return try Failure.explaining { () throws(StoreError) in try read(answer) }
      } catch {
        if error.kind == .unprepared { usePooler() }
        guard repetition.isWorthwhile(after: error) else { throw error.error }
      }
    }
  }
}

/// Whether and when something is tried again.
struct Repetition {
  private let deadline: Deadline
  private var conflicts = 0
  private var losses = 0

  init(until deadline: Deadline) {
    self.deadline = deadline
  }

  /// Whether to try again after a failure; after a conflict it waits a moment first, by chance and
  /// ever longer.
  mutating func isWorthwhile(after failure: Failure) -> Bool {
    guard deadline.millisecondsLeft > 0 else { return false }
    switch failure.kind {
    case .refused: return false
    case .broken, .unprepared:
      // A connection that was idle may be a lost one; a new one shows how things stand.
      losses += 1
      return losses <= 2 && failure.error != .busy
    case .conflict:
      conflicts += 1
      guard conflicts <= 100 else { return false }
      let most = UInt32(min(20_000, 250 << min(conflicts, 7)))
      usleep(UInt32.random(in: 0..<most))
      return true
    }
  }
}

/// The result of a body, with the error that the caller of a store sees.
func explained<T: ~Copyable>(_ body: () throws(Failure) -> T) throws(StoreError) -> T {
  do throws(Failure) {
    return try body()
  } catch {
    throw error.error
  }
}
