import Testing

@testable import Accounts

/// T060, T061.
@Suite struct `A session` {
  @Test func `begins with generation 1, confirmed, in a cookie now`() throws {
    let session = try session(version: 3, lifetime: .seconds(100))
    #expect(session.generation == 1)
    #expect(session.confirmed == 1)
    #expect(session.version == 3)
    for date in [session.rotatedAt, session.issuedAt, session.createdAt, session.lastUsedAt] {
      #expect(date == start)
    }
    #expect(session.expiresAt == start + 100)
  }

  @Test func `gives a refresh token its life from the rotation, up to its own end`() throws {
    var session = try session(lifetime: .seconds(1_000))
    session.rotatedAt = start + 300
    session.issuedAt = start + 350
    #expect(session.refreshExpiry(lifetime: .seconds(600)) == start + 900)
    #expect(session.refreshExpiry(lifetime: .seconds(700)) == start + 1_000)
    #expect(session.refreshExpiry(lifetime: .seconds(701)) == start + 1_000)
  }

  @Test func `gives an access token its life from now, up to its own end`() throws {
    let session = try session(lifetime: .seconds(1_000))
    #expect(session.expiry(at: start + 50, lifetime: .seconds(900)) == start + 950)
    #expect(session.expiry(at: start + 100, lifetime: .seconds(900)) == start + 1_000)
    #expect(session.expiry(at: start + 101, lifetime: .seconds(900)) == start + 1_000)
    #expect(session.expiry(at: start, lifetime: .seconds(Int64.max)) == start + 1_000)
  }

  @Test func `is never prolonged, however often it is refreshed`() throws {
    var session = try session(lifetime: .seconds(3_600))
    for minute in 1...59 as ClosedRange<Int64> {
      let now = start + 60 * minute
      let (decision, next) = session.presented(
        session.generation, at: now, reuseWindow: .seconds(10))
      #expect(decision == .rotate)
      #expect(next.expiresAt == start + 3_600)
      #expect(next.refreshExpiry(lifetime: .seconds(604_800)) == start + 3_600)
      #expect(next.createdAt == start)
      #expect(next.lastUsedAt == now)
      session = next
    }
    #expect(session.generation == 60)
  }
}

/// T057, T058, T060, T070.
@Suite struct `A session with its account` {
  private func accountSession(
    session version: Int64 = 1, account accountVersion: Int64 = 1, isDisabled: Bool = false
  ) throws -> AccountSession {
    AccountSession(
      session: try session(version: version, lifetime: .seconds(100)),
      account: try account(version: accountVersion, isDisabled: isDisabled))
  }

  @Test func `accepts a token of its account and version until the session's end`() throws {
    let accountSession = try accountSession()
    let id = try accountID()
    #expect(accountSession.accepts(account: id, version: 1, at: start))
    #expect(accountSession.accepts(account: id, version: 1, at: start + 99))
    #expect(!accountSession.accepts(account: id, version: 1, at: start + 100))
  }

  @Test func `does not accept another account's token, nor a session of another account`() throws {
    #expect(!(try accountSession().accepts(account: accountID("b"), version: 1, at: start)))
    let stranger = Account(
      id: try accountID("b"), username: try #require(Username("bob")), createdAt: start)
    let spliced = AccountSession(session: try session(), account: stranger)
    #expect(!spliced.accepts(account: try accountID("a"), version: 1, at: start))
    #expect(!spliced.accepts(account: try accountID("b"), version: 1, at: start))
  }

  @Test(arguments: [
    (session: 2, account: 2, token: 2, counts: true),
    (session: 1, account: 2, token: 1, counts: false),
    (session: 1, account: 2, token: 2, counts: false),
    (session: 2, account: 2, token: 1, counts: false),
    (session: 2, account: 2, token: 3, counts: false),
    (session: 2, account: 1, token: 2, counts: false),
  ])
  func `accepts a token only where token, session and account have one version`(
    versions: (session: Int64, account: Int64, token: Int64, counts: Bool)
  ) throws {
    let accountSession = try accountSession(session: versions.session, account: versions.account)
    #expect(
      accountSession.accepts(account: try accountID(), version: versions.token, at: start)
        == versions.counts)
  }

  @Test func `accepts nothing of a disabled account`() throws {
    let id = try accountID()
    #expect(!(try accountSession(isDisabled: true).accepts(account: id, version: 1, at: start)))
    #expect(try accountSession(isDisabled: false).accepts(account: id, version: 1, at: start))
  }

  @Test(arguments: [
    (Int64.min, false), (-1, false), (0, false), (1, true), (5, true), (6, true), (7, false),
    (.max, false),
  ])
  func `accepts an access token of any generation so far, and of none to come`(
    generation: Int64, counts: Bool
  ) throws {
    let accountSession = AccountSession(
      session: try session(generation: 6, confirmed: 5), account: try account())
    #expect(accountSession.accepts(generation: generation) == counts)
  }

  @Test func `of a damaged session without a generation accepts no access token`() throws {
    let accountSession = AccountSession(
      session: try session(generation: 0, confirmed: 0), account: try account())
    #expect(!accountSession.accepts(generation: 0))
    #expect(!accountSession.accepts(generation: 1))
  }
}
