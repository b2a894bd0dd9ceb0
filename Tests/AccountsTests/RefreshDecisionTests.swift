import Testing

@testable import Accounts

/// What a presented refresh token does to its session, before anything is written.
///
/// RFC 6749 §6, RFC 9700 §4.14.2.
@Suite struct `A presented refresh token` {
  private func presented(
    _ generation: Int64, session: Character = "s", account: Character = "a", version: Int64 = 1,
    at seconds: Int64 = 100
  ) throws -> Presented {
    Presented(
      session: try sessionID(session), account: try accountID(account), version: version,
      generation: generation, issuedAt: NumericDate(seconds: 0), isBound: true, at: start + seconds,
      reuseWindow: .seconds(10))
  }

  private func found(
    generation: Int64 = 6, confirmed: Int64 = 6, isDisabled: Bool = false, version: Int64 = 1
  ) throws -> AccountSession {
    AccountSession(
      session: try session(generation: generation, confirmed: confirmed),
      account: try account(version: version, isDisabled: isDisabled))
  }

  /// T055, T057, T058, T060.
  @Test func `that fits no session, account, version or time is refused`() throws {
    #expect(try presented(6).decision(for: nil) == .refuse)
    #expect(try presented(6, account: "b").decision(for: found()) == .refuse)
    #expect(try presented(6, version: 2).decision(for: found()) == .refuse)
    #expect(try presented(6).decision(for: found(version: 2)) == .refuse)
    #expect(try presented(6).decision(for: found(isDisabled: true)) == .refuse)
    let end = try found().session.expiresAt - start
    #expect(try presented(6, at: end).decision(for: found()) == .refuse)
    #expect(try presented(6, at: end - 1).decision(for: found()) != .refuse)
    // Not even reuse ends a session whose token does not count.
    #expect(try presented(2, version: 2).decision(for: found()) == .refuse)
  }

  /// A sibling site can plant a refresh cookie, but no companion.
  @Test func `that was issued since its session was bound counts only beside the companion`()
    throws
  {
    let found = try found()
    func decision(issued: Int64, isBound: Bool) throws -> RefreshDecision {
      try Presented(
        session: sessionID(), account: accountID(), version: 1, generation: 6,
        issuedAt: found.session.boundFrom + issued, isBound: isBound, at: start + 5,
        reuseWindow: .seconds(10)
      ).decision(for: found)
    }
    #expect(found.session.boundFrom == found.session.createdAt)
    for issued in [0, 1, 86_400] as [Int64] {
      #expect(found.session.requiresBinding(tokenIssuedAt: found.session.boundFrom + issued))
      #expect(try decision(issued: issued, isBound: false) == .refuse)
      #expect(try decision(issued: issued, isBound: true) == .answer(.keep, found))
    }
    // From before the session was bound: with and without.
    #expect(!found.session.requiresBinding(tokenIssuedAt: found.session.boundFrom + -1))
    #expect(try decision(issued: -1, isBound: false) == .answer(.keep, found))
    #expect(try decision(issued: -1, isBound: true) == .answer(.keep, found))
  }

  /// T045.
  @Test func `that rotates stores the next generation`() throws {
    let found = try found()
    let next = found.session.presented(6, at: start + 100, reuseWindow: .seconds(10)).session
    #expect(
      try presented(6).decision(for: found)
        == .store(.rotate, AccountSession(session: next, account: found.account)))
    #expect(next.generation == 7)
  }

  /// The other tabs of one browser.
  @Test func `that finds nothing to change is answered without a write`() throws {
    let kept = try found()
    #expect(try presented(6, at: 5).decision(for: kept) == .answer(.keep, kept))
    // The first of them confirms, which is a change.
    let unseen = try found(confirmed: 5)
    #expect(try presented(6, at: 5).decision(for: unseen) == .store(.keep, kept))
  }

  /// T046.
  @Test func `that is reused ends the session as it was found`() throws {
    let found = try found()
    #expect(try presented(5).decision(for: found) == .end(found))
    #expect(try presented(7).decision(for: found) == .end(found))
  }
}
