import Accounts
import Testing

/// What a row may hold, whichever engine reads it.
@Suite struct `A stored row` {
  static let id = "abcdefghijklmnopqrstuvwxyz"
  static let other = "zyxwvutsrqponmlkjihgfedcba"
  let account: AccountID
  let session: SessionID
  let now = NumericDate(seconds: 1_800_000_000)

  init() throws {
    account = try #require(AccountID(Self.id))
    session = try #require(SessionID(Self.id))
  }

  func readAccount(
    username: String = "alice", groups: String = "ops,staff", version: Int64 = 1
  ) throws(StoreError) -> Account {
    try Account(
      stored: account, username: username, groups: groups, version: version, isDisabled: true,
      createdAt: now)
  }

  func readSession(
    account: String = id, version: Int64 = 1, generation: Int64 = 5, confirmed: Int64 = 4
  ) throws(StoreError) -> Session {
    try Session(
      stored: session, account: account, version: version, generation: generation,
      confirmed: confirmed, rotatedAt: now, issuedAt: now, sentAt: now, createdAt: now,
      lastUsedAt: now, expiresAt: now, sharedLifetime: 900, boundFrom: now,
      address: "192.0.2.1", userAgent: "curl")
  }

  @Test func `of an account is what was stored`() throws {
    let read = try readAccount()
    #expect(read.username.text == "alice" && read.groups.map(\.text) == ["ops", "staff"])
    #expect(read.id == account && read.version == 1 && read.isDisabled && read.createdAt == now)
    #expect(read.groups.stored == "ops,staff" && [Group]().stored == "")
    #expect(try readAccount(groups: "").groups == [])
  }

  @Test(arguments: ["", "Alice", "al ice", "alice\r\nX-Auth-User: root", "\u{212A}ate"])
  func `with a username that is never stored is corrupt`(name: String) {
    #expect(throws: StoreError.corrupt("account.username of \(Self.id)")) {
      try readAccount(username: name)
    }
  }

  @Test(arguments: [",", "ops,", "ops,ops", "ops, staff", "ops\n", "OPS"])
  func `with groups that are never stored is corrupt`(groups: String) {
    #expect(throws: StoreError.corrupt("account.groups of \(Self.id)")) {
      try readAccount(groups: groups)
    }
  }

  @Test(arguments: [0, -1, Int64.min]) func `with a version below one is corrupt`(version: Int64) {
    #expect(throws: StoreError.corrupt("account.version of \(Self.id)")) {
      try readAccount(version: version)
    }
    #expect(throws: StoreError.self) { try readSession(version: version) }
  }

  @Test func `of a session is what was stored`() throws {
    let read = try readSession(account: Self.other)
    #expect(read.account.text == Self.other && read.id == session)
    #expect(read.generation == 5 && read.confirmed == 4 && read.sharedLifetime == .seconds(900))
    #expect(try readSession(confirmed: 0).confirmed == 0)
    #expect(try readSession(confirmed: 5).confirmed == 5)
  }

  @Test(arguments: [(0, 0), (-1, -1), (5, 6), (5, -1), (Int64.min, 0)] as [(Int64, Int64)])
  func `with generations that are never stored is corrupt`(generation: Int64, confirmed: Int64) {
    #expect(throws: StoreError.corrupt("session.version, generation or confirmed of \(Self.id)")) {
      try readSession(generation: generation, confirmed: confirmed)
    }
  }

  @Test(arguments: ["", "short", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxy1"])
  func `with an identifier that is never stored is corrupt`(text: String) {
    #expect(throws: StoreError.corrupt("account.id")) { try AccountID(stored: text) }
    #expect(throws: StoreError.corrupt("session.id")) { try SessionID(stored: text) }
    #expect(throws: StoreError.corrupt("session.account of \(Self.id)")) {
      try readSession(account: text)
    }
  }

  @Test func `of a counter has a scope that there is`() throws {
    let key = try AttemptKey(stored: "pair", name: "alice", network: "192.0.2.1")
    #expect(key == AttemptKey(scope: .pair, name: "alice", network: "192.0.2.1"))
    #expect(throws: StoreError.corrupt("attempt.scope")) {
      try AttemptKey(stored: "Pair", name: "alice", network: "192.0.2.1")
    }
  }
}
