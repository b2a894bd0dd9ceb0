import Gate
import Testing

@Suite struct `Being sent to sign in` {
  /// The verdicts about browsers that arrive at these seconds with these cookies.
  private func verdicts(_ arrivals: [(now: Int64, cookie: String?)]) -> [Bounces.Verdict] {
    var kept = ""
    return arrivals.map { now, cookie in
      let bounces = Bounces(kept, at: now)
      let verdict = bounces.verdict(cookie: cookie)
      if verdict == .go { kept = bounces.adding(now, cookie: cookie) }
      return verdict
    }
  }

  @Test func `stops at the third time within a minute`() {
    #expect(verdicts([(1_000, nil), (1_010, nil), (1_059, nil)]) == [.go, .go, .wait])
    #expect(verdicts([(1_000, nil), (1_010, nil), (1_060, nil)]) == [.go, .go, .go])
  }

  @Test func `is a circle where each new cookie is refused`() {
    #expect(verdicts([(1, nil), (2, "a"), (3, "b")]) == [.go, .go, .circle])
  }

  /// Whoever signs out and comes back within a minute brings a cookie that was good.
  @Test func `goes on where the browser has landed once since`() {
    #expect(verdicts([(1, nil), (2, nil), (3, "a")]) == [.go, .go, .go])
  }

  /// After a sign-out several tabs come back with the cookie of the session that has ended.
  @Test func `waits where the browser brings the same cookie again`() {
    #expect(verdicts([(1, nil), (2, "a"), (3, "a")]) == [.go, .go, .wait])
  }

  @Test(arguments: [
    "", "x", "1000", "1000.x", ".", "1000.9999999999", "-5.-6", "99999999999999999999.1", ":a.:b",
    "-9223372036854775808.1000",
  ])
  func `counts no more than what the cookie says`(cookie: String) {
    #expect(Bounces(cookie, at: 1_001).verdict(cookie: nil) == .go)
  }
}
