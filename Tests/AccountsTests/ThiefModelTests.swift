import Testing

@testable import Accounts

/// Every interleaving of an owner with a thief who copies the cookie at any moment, any number of
/// times, and refreshes and shows access tokens as he likes; anything may be lost or late.
///
/// RFC 9700 §4.14.2: of two who use copies, one presents an invalidated token.
@Suite struct `A thief` {
  /// Left behind is who holds an older cookie while somebody was seen with the live generation
  /// and the window has passed: owner or thief, nothing the other does helps him.
  @Test(arguments: [Clock.tenSeconds, .none], [1, 2])
  func `or owner who was left behind ends the session with his next refresh`(
    clock: Clock, tabs: Int
  ) throws {
    let scenario = try Scenario(.shipped, clock, tabs: tabs, hasThief: true)
    let found = scenario.explore(forbidding: .servingTheDoomed)
    report(found)
    #expect(found.trace == nil)
    #expect(scenario.table.faults.isEmpty)
    let least =
      switch (clock.window, tabs) {
      case (0, 1): (states: 680, endings: 240)
      case (0, _): (states: 5_200, endings: 2_900)
      case (_, 1): (states: 5_200, endings: 1_400)
      default: (states: 54_000, endings: 24_000)
      }
    #expect(found.keys.count >= least.states)
    #expect(found.endings >= least.endings)
  }

  /// From every state, whoever begins, with one refresh or two in a turn.
  @Test(arguments: [Clock.tenSeconds, .none])
  func `who takes turns with the owner is caught by the third turn`(clock: Clock) throws {
    let scenario = try Scenario(.shipped, clock, tabs: 1, hasThief: true)
    let found = scenario.explore(forbidding: .servingTheDoomed)
    let games = scenario.games(from: found.keys, maximum: 3)
    print("turns until the session ended, and never: \(games)")
    #expect(games[3] == 0)
    #expect(games[0] + games[1] + games[2] >= (clock.window == 0 ? 270 : 1_450))
  }

  // What no server can see: as long as the two hold the same generation, they are one client.

  @Test func `who follows each rotation inside the window stays`() throws {
    let scenario = try Scenario(tabs: 1, hasThief: true)
    let found = scenario.explore(forbidding: .servingTheDoomed)
    #expect(scenario.games(from: found.keys, thief: Manner(isLate: false), maximum: 8)[8] > 0)

    var session = try session()
    for round in 1...100 as ClosedRange<Int64> {
      let now = start + 100 * round
      session = try served(session, session.generation, at: now, as: .rotate)
      session = try served(session, session.generation - 1, at: now + 10, as: .resend)
      session = session.confirming(generation: session.generation) ?? session
    }
  }

  @Test func `who refreshes first and shows nothing until the owner has healed stays`() throws {
    let scenario = try Scenario(tabs: 1, hasThief: true)
    let found = scenario.explore(forbidding: .servingTheDoomed)
    #expect(scenario.games(from: found.keys, thief: Manner(showsAtOnce: false), maximum: 8)[8] > 0)

    var session = try session()
    for round in 1...100 as ClosedRange<Int64> {
      let now = start + 100 * round
      // The thief's refresh looks like an answer that the owner never received.
      session = try served(session, session.generation, at: now, as: .rotate)
      session = try served(session, session.generation - 1, at: now + 50, as: .resend)
      session = session.confirming(generation: session.generation) ?? session
    }
  }

  @Test func `who shows what he got before the owner comes is caught at once`() throws {
    var session = try session()
    session = try served(session, 1, at: start + 100, as: .rotate)
    session = try #require(session.confirming(generation: 2))
    _ = try served(session, 1, at: start + 150, as: .reuse)
  }

  private func served(
    _ session: Session, _ generation: Int64, at now: NumericDate, as expected: Rotation
  ) throws -> Session {
    let (decision, next) = session.presented(generation, at: now, reuseWindow: .seconds(10))
    try #require(decision == expected)
    return next
  }
}

/// The counter-check: the model must notice if a row of the table is missing or changed.
@Suite struct `A broken rule is found` {
  private func explored(_ rule: Rule, tabs: Int) throws -> Exploration {
    try Scenario(
      rule, tabs: tabs, Scenario.Network(loses: tabs == 1, longestRequest: 2, longestAnswer: 3)
    ).explore(forbidding: .anyEnding)
  }

  @Test func `by one honest tab`() throws {
    #expect(try explored(.shipped, tabs: 1).trace == nil)
    #expect(try explored(.withoutHealing, tabs: 1).trace?.count == 5)
  }

  @Test(arguments: [Rule.withoutWindow, .withoutKeeping, .withoutNotingResend])
  func `by two honest tabs`(rule: Rule) throws {
    #expect(try explored(.shipped, tabs: 2).trace == nil)
    #expect(try explored(rule, tabs: 2).trace != nil)
  }

  @Test(arguments: [
    Rule.withoutEndOfWindow, .withoutReuse, .withoutConfirmingKept, .withoutConfirming,
  ])
  func `by one who was left behind and is served`(rule: Rule) throws {
    let found = try Scenario(rule, tabs: 1, hasThief: true)
      .explore(forbidding: .servingTheDoomed)
    #expect(found.trace?.last?.hasSuffix("resend") == true)
  }

  @Test(arguments: [
    Rule.withoutRotating, .withoutEndOfWindow, .withoutReuse, .withoutConfirming,
  ])
  func `by a thief and an owner who take turns for ever`(rule: Rule) throws {
    let scenario = try Scenario(rule, tabs: 1, hasThief: true)
    let found = scenario.explore(forbidding: .servingTheDoomed)
    #expect(scenario.games(from: found.keys, maximum: 3)[3] > 0)
  }

  @Test func `by an answer that carries another generation than the live one`() throws {
    #expect(try ServerTable(.shipped, .tenSeconds).faults.isEmpty)
    #expect(!(try ServerTable(.withoutReuse, .tenSeconds).faults.isEmpty))
  }

  @Test func `by a second cookie for one generation`() throws {
    let faults = try ServerTable(.withoutOneCookie, .tenSeconds).faults
    #expect(faults.contains("a second cookie for generation 1000"))
  }
}
