import Accounts
import Foundation
import PostgreSQL
import Store
import Testing

/// A store engine under test: how to open its store in a directory, or create it there.
struct Engine: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let open: @Sendable (_ directory: String) throws -> any AccountStore

  /// Every test named `Contract…` runs against each of these; another engine is added here.
  static let all = [
    sqlite("SQLite, one job a transaction", batch: 1), sqlite("SQLite", batch: 256), postgreSQL,
  ]

  /// What is tested is what a store answers, and not how soon on a busy machine.
  private static let patience = Duration.seconds(60)

  /// A database of its own for each directory, on one server for all tests.
  static let postgreSQL = Engine(testDescription: "PostgreSQL") { directory in
    var options = PostgreSQLOptions()
    options.patience = Engine.patience
    return try PostgreSQLStore(
      uri: try Server.shared.get().database(for: directory), options: options)
  }

  private static func sqlite(_ name: String, batch: Int) -> Engine {
    Engine(testDescription: name) { directory in
      let path = directory + "/tallystick.db"
      if !FileManager.default.fileExists(atPath: path) { try SQLiteStore.create(at: path) }
      var options = StoreOptions()
      options.batch = batch
      options.patience = Engine.patience
      return try SQLiteStore(at: path, options: options)
    }
  }
}

/// A directory that is deleted after the test.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "store-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  var database: String { path + "/tallystick.db" }
}

/// A store under test, with accounts in it.
final class Bench: Sendable {
  let scratch: Scratch
  let store: any AccountStore

  init(_ engine: Engine, in scratch: Scratch? = nil) throws {
    self.scratch = try scratch ?? Scratch()
    store = try engine.open(self.scratch.path)
  }

  init(_ store: any AccountStore, in scratch: Scratch) {
    self.scratch = scratch
    self.store = store
  }

  /// Registers an account with a session.
  @discardableResult
  func person(
    _ name: String = "alice", groups: [Group] = [], at now: NumericDate = t(0)
  ) throws(StoreError) -> (credentials: Credentials, session: Session) {
    guard let username = Username(name) else { throw .corrupt("no name for a test: \(name)") }
    let account = Account(id: newAccountID(), username: username, groups: groups, createdAt: now)
    let credentials = Credentials(account: account, passwordHash: "hash of \(name)")
    let session = newSession(of: account, at: now)
    let isNew = try store.register(credentials, starting: session, network: nil)
    #expect(isNew)
    return (credentials, session)
  }

  /// Presents a generation of a session.
  func refresh(
    _ session: Session, presenting generation: Int64, at now: NumericDate,
    window: Duration = .seconds(10)
  ) throws -> RefreshOutcome {
    let presented = Presented(
      session: session.id, account: session.account, version: session.version,
      generation: generation, issuedAt: NumericDate(seconds: 0), isBound: true, at: now,
      reuseWindow: window)
    return try #require(try store.refresh([presented]).first)
  }

  /// The store's mark, which tells whether a right was taken away.
  func mark() throws -> RevocationMark {
    try store.revocationMark()
  }

  /// Starts one more session for credentials that were verified.
  func start(
    _ credentials: Credentials, _ session: Session? = nil, from network: Network = home,
    newHash: String? = nil, maximum: Int = 100, at now: NumericDate = t(0)
  ) throws -> StartOutcome {
    try store.start(
      beginning(credentials, session, from: network, newHash: newHash, maximum: maximum, at: now),
      at: now)
  }
}

/// What a login hands to the store.
func beginning(
  _ credentials: Credentials, _ session: Session? = nil, from network: Network = home,
  newHash: String? = nil, maximum: Int = 100, at now: NumericDate
) -> Start {
  Start(
    session: session ?? newSession(of: credentials.account, at: now),
    attempt: Attempt(presenting: credentials.account.username.text, from: network),
    verified: credentials, newHash: newHash, maximumSessions: maximum)
}

/// What a password change hands to the store.
func changing(
  _ credentials: Credentials, _ session: Session? = nil, to newHash: String = "new",
  from network: Network = home, at now: NumericDate
) -> PasswordChange {
  PasswordChange(
    session: session ?? newSession(of: credentials.account.withRaisedVersion, at: now),
    attempt: Attempt(presenting: credentials.account.username.text, from: network),
    verified: credentials, newHash: newHash)
}

let home = Network(text: "192.0.2.1")
let elsewhere = Network(text: "198.51.100.7")

/// Seconds after some moment in 2027.
func t(_ seconds: Int64) -> NumericDate {
  NumericDate(seconds: 1_800_000_000 + seconds)
}

func newSession(
  of account: Account, at now: NumericDate, lifetime: Duration = .seconds(90 * 86_400)
) -> Session {
  Session(
    starting: newSessionID(), account: account.id, version: account.version, at: now,
    lifetime: lifetime, address: "192.0.2.1", userAgent: "Tester/1.0 \"é\"")
}

func newAccountID() -> AccountID { identifier(AccountID.init) }
func newSessionID() -> SessionID { identifier(SessionID.init) }

private func identifier<T>(_ make: (String) -> T?) -> T {
  while true {
    let text = (0..<26).map { _ in String("abcdefghijklmnopqrstuvwxyz234567".randomElement() ?? "a")
    }
    if let made = make(text.joined()) { return made }
  }
}

extension RefreshOutcome {
  /// The decision, without the session.
  var rotation: Rotation? {
    switch self {
    case .granted(let rotation, _): rotation
    case .reuse: .reuse
    case .refused, .failed: nil
    }
  }

  var accountSession: AccountSession? {
    switch self {
    case .granted(_, let accountSession), .reuse(let accountSession): accountSession
    case .refused, .failed: nil
    }
  }
}

/// Runs a body on threads of their own, all let go at once, and waits for the last.
@discardableResult
func concurrently<T: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> T
) throws -> [T] {
  let results = Results<T>()
  let gate = DispatchSemaphore(value: 0)
  let done = DispatchGroup()
  for index in 0..<count {
    done.enter()
    let thread = Thread {
      gate.wait()
      results.add(index, Result { try body(index) })
      done.leave()
    }
    thread.start()
  }
  for _ in 0..<count { gate.signal() }
  done.wait()
  return try results.inOrder()
}

private final class Results<T: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var results: [Int: Result<T, any Error>] = [:]

  func add(_ index: Int, _ result: Result<T, any Error>) {
    lock.withLock { results[index] = result }
  }

  func inOrder() throws -> [T] {
    try results.sorted { $0.key < $1.key }.map { try $0.value.get() }
  }
}

/// A value that the threads of a test share.
///
/// Not the standard library's mutex, which the thread sanitizer does not see.
final class Shared<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) {
    self.value = value
  }

  @discardableResult
  func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    try lock.withLock { try body(&value) }
  }
}
