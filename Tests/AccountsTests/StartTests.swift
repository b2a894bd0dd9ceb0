import Testing

@testable import Accounts

@Suite struct `The start of a session` {
  private func obstacle(
    to version: Int64 = 1, verified: Account? = nil, current: Account?, banned: Int64? = nil
  ) throws -> StartOutcome? {
    try session(version: version).obstacle(
      verified: verified ?? account(), current: current, version: 1, secondsBanned: banned)
  }

  @Test func `has no obstacle where the account is as it was verified`() throws {
    #expect(try obstacle(current: account()) == nil)
  }

  /// T127: not even the right password starts a session while a ban holds.
  @Test func `is refused by a ban, whatever else holds`() throws {
    #expect(try obstacle(current: account(), banned: 7) == .banned(seconds: 7))
    #expect(try obstacle(current: nil, banned: 7) == .banned(seconds: 7))
  }

  /// T057, T070.
  @Test func `is outdated where the account was deleted, disabled or revoked meanwhile`() throws {
    #expect(try obstacle(current: nil) == .outdated)
    #expect(try obstacle(current: account(isDisabled: true)) == .outdated)
    #expect(try obstacle(current: account(version: 2)) == .outdated)
  }

  @Test func `is outdated where the session is another account's or of another version`() throws {
    #expect(try obstacle(to: 2, current: account()) == .outdated)
    let bob = Account(
      id: try accountID("b"), username: try #require(Username("bob")), createdAt: start)
    #expect(try obstacle(verified: bob, current: bob) == .outdated)
    #expect(try obstacle(current: bob) == .outdated)
  }
}

/// T067.
@Suite struct `Room for one more session` {
  /// A session named by a letter, last used at `start + used`, that ends at `start + end`.
  private func session(_ name: Character, used: Int64, end: Int64 = 1_000) throws -> Session {
    var session = Session(
      starting: try sessionID(name), account: try accountID(), version: 1, at: start,
      lifetime: .seconds(end), address: "", userAgent: "")
    session.lastUsedAt = start + used
    return session
  }

  private func room(
    in sessions: [Session], maximum: Int, after seconds: Int64 = 100
  ) -> (expired: String, evicted: String) {
    let ending = Session.makingRoom(in: sessions, maximum: maximum, at: start + seconds)
    func names(_ ids: [SessionID]) -> String { String(ids.compactMap(\.text.first)) }
    return (names(ending.expired), names(ending.evicted))
  }

  @Test func `is made by those unused longest, the longest first`() throws {
    let sessions = try [session("c", used: 5), session("b", used: 1), session("a", used: 9)]
    #expect(room(in: sessions, maximum: 4).evicted == "")
    #expect(room(in: sessions, maximum: 3).evicted == "b")
    #expect(room(in: sessions, maximum: 2).evicted == "bc")
    #expect(room(in: sessions, maximum: 1).evicted == "bca")
  }

  @Test func `is made for the one that starts, even where none is allowed`() throws {
    let sessions = try [session("b", used: 2), session("a", used: 1)]
    for maximum in [1, 0, -1, .min] {
      #expect(room(in: sessions, maximum: maximum).evicted == "ab")
    }
  }

  @Test func `is made by the first of those used last in one second`() throws {
    let sessions = try "dcba".map { try session($0, used: 3) }
    #expect(room(in: sessions, maximum: 3).evicted == "ab")
  }

  @Test func `is made by sessions past their end, which are not counted as ended`() throws {
    let sessions = try [
      session("c", used: 5), session("b", used: 9, end: 100), session("a", used: 1),
    ]
    #expect(room(in: sessions, maximum: 3) == (expired: "b", evicted: ""))
    #expect(room(in: sessions, maximum: 3, after: 99) == (expired: "", evicted: "a"))
  }
}
