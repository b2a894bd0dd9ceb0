import Accounts
import Foundation
import PasswordHash
import PasswordLogin
import Store
import Synchronization
import Testing
import Threads

/// A store with one account, and what verifies its password.
private final class House: Sendable {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "tallystick-verifier-\(UUID().uuidString)")
  let store: SQLiteStore
  let verifier: PasswordVerifier
  let account: Account
  let now = NumericDate(seconds: 1_800_000_000)

  init(hash: String? = nil) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let database = folder.path + "/tallystick.db"
    try SQLiteStore.create(at: database)
    store = try SQLiteStore(at: database)
    verifier = try PasswordVerifier()
    account = Account(
      id: try #require(AccountID(String(repeating: "a", count: 26))),
      username: try #require(Username("alice")), createdAt: now)
    let right = try #require(Password("the right one"))
    let credentials = Credentials(
      account: account, passwordHash: try hash ?? verifier.hash(right))
    #expect(try store.register(credentials, starting: nil, network: nil))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func judge(
    _ text: String, from network: String = "192.0.2.1", reportingDamage: () -> Void = {}
  ) throws -> GuessOutcome {
    try verifier.judge(
      try #require(Password(text)),
      Attempt(presenting: "alice", from: Network(text: network)),
      try store.credentials(of: account.id), in: store, at: now
    ) { _ in reportingDamage() }
  }
}

@Suite struct `A guess` {
  @Test func `is right or wrong, and the sixth wrong one is refused unread (T127)`() throws {
    let house = try House()
    #expect(try house.judge("the right one") == .right)
    for _ in 0..<5 { #expect(try house.judge("a wrong one") == .wrong) }
    #expect(try house.judge("the right one") == .banned(seconds: 300))
    #expect(try house.judge("the right one", from: "192.0.2.2") == .right)
  }

  /// Guesses that wait for a slot are asked about again when they have one, so a burst learns
  /// hardly more than guesses one after the other (T134).
  @Test func `of a burst reaches the hash five times, and once more for each further core`() throws
  {
    // A damaged hash is reported each time that a guess reaches it.
    let house = try House(hash: "!")
    let reached = Mutex(0)
    let outcomes = Mutex<[GuessOutcome]>([])
    let threads = try (0..<60).map { _ in
      try startThread {
        let outcome = try? house.judge("a wrong one") { reached.withLock { $0 += 1 } }
        if let outcome { outcomes.withLock { $0.append(outcome) } }
      }
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(outcomes.withLock { $0.count } == 60)
    #expect(outcomes.withLock { $0.filter { $0 == .wrong }.count } == 5)
    let cores = ProcessInfo.processInfo.activeProcessorCount
    #expect((5...(5 + cores - 1)).contains(reached.withLock { $0 }))
  }

  @Test func `at a disabled account is wrong, also the right one`() throws {
    let house = try House()
    #expect(try house.store.setDisabled(true, account: house.account.id))
    #expect(try house.judge("the right one") == .wrong)
  }

  @Test(arguments: [
    "", "!", "$argon2id$v=19$m=1048576,t=16,p=4$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
  ])
  func `at an account whose hash is damaged is wrong, counted and reported`(hash: String) throws {
    let house = try House(hash: hash)
    var reports = 0
    for _ in 0..<5 { #expect(try house.judge("x", reportingDamage: { reports += 1 }) == .wrong) }
    #expect(reports == 5)
    #expect(try house.judge("x") == .banned(seconds: 300))
  }
}
