import Testing

@testable import Accounts

/// The table of rotation, row by row.
///
/// RFC 9700 §4.14.2; T045 to T048, T051.
@Suite struct `A refresh token` {
  private let window = Duration.seconds(10)

  /// What it calls for, presented this many seconds after `start`.
  private func decision(
    _ session: Session, presenting generation: Int64, after seconds: Int64,
    window: Duration = .seconds(10)
  ) -> Rotation {
    session.rotation(presenting: generation, at: start + seconds, reuseWindow: window)
  }

  @Test(arguments: [0, 1, 10, 11, 604_800] as [Int64])
  func `of the login's own generation is rotated, however young`(age: Int64) throws {
    #expect(decision(try session(), presenting: 1, after: age) == .rotate)
  }

  @Test func `of the live generation is kept in the window and rotated after it`() throws {
    let session = try session(generation: 6, confirmed: 5, rotated: 0, issued: 100)
    #expect(decision(session, presenting: 6, after: 100) == .keep)
    #expect(decision(session, presenting: 6, after: 110) == .keep)
    #expect(decision(session, presenting: 6, after: 111) == .rotate)
  }

  @Test func `is measured from its last cookie, not from its rotation`() throws {
    let session = try session(generation: 6, confirmed: 6, rotated: 0, issued: 8)
    #expect(decision(session, presenting: 6, after: 18) == .keep)
    #expect(decision(session, presenting: 6, after: 19) == .rotate)
  }

  @Test(arguments: [0, 10, 11, 86_400, 604_800] as [Int64])
  func `whose successor was never seen gets the same successor, at any age`(age: Int64) throws {
    let session = try session(generation: 6, confirmed: 5)
    #expect(decision(session, presenting: 5, after: age) == .resend)
  }

  @Test func `whose successor was seen is another tab in the window and reuse after it`() throws {
    let session = try session(generation: 6, confirmed: 6)
    #expect(decision(session, presenting: 5, after: 0) == .resend)
    #expect(decision(session, presenting: 5, after: 10) == .resend)
    #expect(decision(session, presenting: 5, after: 11) == .reuse)
  }

  @Test func `sent again does not prolong the window of its predecessor`() throws {
    let session = try session(generation: 6, confirmed: 6, rotated: 0, issued: 9)
    #expect(decision(session, presenting: 5, after: 10) == .resend)
    #expect(decision(session, presenting: 5, after: 11) == .reuse)
  }

  /// Two tabs heal a lost answer at once; the first has used its token when the second comes.
  @Test func `whose answer was healed late opens the window of its predecessor anew`() throws {
    let lost = try session(generation: 6, confirmed: 5)
    let healed = lost.presented(5, at: start + 1_000, reuseWindow: window).session
    let seen = try #require(healed.confirming(generation: 6))
    #expect(decision(seen, presenting: 5, after: 1_010) == .resend)
    #expect(decision(seen, presenting: 5, after: 1_011) == .reuse)
    // Another tab's turn does not prolong it.
    let again = seen.presented(5, at: start + 1_010, reuseWindow: window).session
    #expect(decision(again, presenting: 5, after: 1_011) == .reuse)
  }

  @Test(arguments: [Int64.min, -1, 0, 1, 4, 7, .max])
  func `of any other generation is reuse, seen or not, in the window or not`(
    generation: Int64
  ) throws {
    for confirmed in [5, 6] as [Int64] {
      let session = try session(generation: 6, confirmed: confirmed)
      #expect(decision(session, presenting: generation, after: 0) == .reuse)
      #expect(decision(session, presenting: generation, after: 11) == .reuse)
    }
  }

  @Test func `of generation 0 is reuse, although 0 comes before the login's own`() throws {
    let session = try session()
    #expect(decision(session, presenting: 0, after: 0) == .reuse)
    #expect(decision(session, presenting: 1, after: 0) == .rotate)
  }

  // What is stored afterwards.

  @Test func `that rotates is confirmed, and its successor is not`() throws {
    let before = try session(generation: 6, confirmed: 5)
    let (decision, after) = before.presented(6, at: start + 11, reuseWindow: window)
    var expected = before
    expected.generation = 7
    expected.confirmed = 6
    expected.rotatedAt = start + 11
    expected.issuedAt = start + 11
    expected.sentAt = start + 11
    expected.lastUsedAt = start + 11
    #expect(decision == .rotate)
    #expect(after == expected)
  }

  @Test func `that is kept is confirmed, and no time of its cookie moves`() throws {
    let before = try session(generation: 6, confirmed: 5)
    let (decision, after) = before.presented(6, at: start + 10, reuseWindow: window)
    var expected = before
    expected.confirmed = 6
    #expect(decision == .keep)
    #expect(after == expected)
  }

  /// The time at which it was sent unconfirmed moves only while it is unconfirmed.
  @Test(arguments: [5, 6] as [Int64])
  func `that is sent again is the same token: generation and rotation stay`(
    confirmed: Int64
  ) throws {
    let before = try session(generation: 6, confirmed: confirmed)
    let (decision, after) = before.presented(5, at: start + 10, reuseWindow: window)
    var expected = before
    expected.issuedAt = start + 10
    expected.lastUsedAt = start + 10
    if confirmed == 5 { expected.sentAt = start + 10 }
    #expect(decision == .resend)
    #expect(after == expected)
    #expect(
      after.refreshExpiry(lifetime: .seconds(3_600))
        == before.refreshExpiry(lifetime: .seconds(3_600)))
  }

  @Test func `that is reused changes nothing but the session's end`() throws {
    let before = try session(generation: 6, confirmed: 6)
    let (decision, after) = before.presented(4, at: start + 11, reuseWindow: window)
    #expect(decision == .reuse)
    #expect(after == before)
  }

  // A window of zero.

  @Test func `without a window is rotated on every refresh, also twice in a second`() throws {
    let session = try session(generation: 6, confirmed: 6)
    #expect(decision(session, presenting: 6, after: 0, window: .zero) == .rotate)
    #expect(decision(session, presenting: 6, after: 1, window: .zero) == .rotate)
  }

  @Test func `without a window still heals a lost answer, and reuse is reuse`() throws {
    let lost = try session(generation: 6, confirmed: 5)
    #expect(decision(lost, presenting: 5, after: 604_800, window: .zero) == .resend)
    let seen = try session(generation: 6, confirmed: 6)
    #expect(decision(seen, presenting: 5, after: 0, window: .zero) == .resend)
    #expect(decision(seen, presenting: 5, after: 1, window: .zero) == .reuse)
  }

  // T198: the clock set back.

  @Test(arguments: [-1, -10, -11, -3_600, -86_400] as [Int64])
  func `heals or rotates when the clock was set back, and reuse stays reuse`(age: Int64) throws {
    let lost = try session(generation: 6, confirmed: 5)
    #expect(decision(lost, presenting: 5, after: age) == .resend)
    #expect(decision(lost, presenting: 6, after: age) == (age < -10 ? .rotate : .keep))
    let seen = try session(generation: 6, confirmed: 6)
    #expect(decision(seen, presenting: 5, after: age) == (age < -10 ? .reuse : .resend))
    #expect(decision(seen, presenting: 4, after: age) == .reuse)
  }

  // An access token that is seen.

  @Test func `is confirmed by an access token of its generation, once`() throws {
    let before = try session(generation: 6, confirmed: 5)
    let after = try #require(before.confirming(generation: 6))
    var expected = before
    expected.confirmed = 6
    #expect(after == expected)
    #expect(after.confirming(generation: 6) == nil)
  }

  @Test(arguments: [Int64.min, 0, 4, 5, 7, .max])
  func `is not confirmed by an access token of another generation`(generation: Int64) throws {
    #expect(try session(generation: 6, confirmed: 5).confirming(generation: generation) == nil)
  }

  @Test func `of the login's own generation needs no confirmation`() throws {
    #expect(try session().confirming(generation: 1) == nil)
  }
}
