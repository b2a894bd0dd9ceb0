import Testing

@testable import Accounts

/// Every interleaving of honest tabs that share one cookie jar, explored to the end.
///
/// Runs have no maximum length: the model is finite, and every state that can be reached is visited
/// once. A server that crashes between commit and answer is a lost answer.
@Suite struct `Nobody honest is signed out` {
  private typealias Network = Scenario.Network

  /// The browser client refreshes under a lock, so this is what it lives by (T047).
  ///
  /// It holds as long as a request that was given up is not served after the next one.
  @Test(arguments: [Clock.tenSeconds, .none])
  func `while one refresh at a time is under way, whatever is lost, however late`(
    clock: Clock
  ) throws {
    let scenario = try Scenario(.shipped, clock, tabs: 1, Network(loses: true))
    let found = scenario.explore(forbidding: .anyEnding)
    report(found)
    #expect(found.trace == nil)
    #expect(scenario.table.faults.isEmpty)
    #expect(found.keys.count >= (clock.window == 0 ? 18 : 70))
  }

  /// T048, T049: the bound is exact; one step of 2 s more, and the model finds a way.
  @Test func `by two tabs, if and only if request and answer together fit into the window`() throws
  {
    for request in 0...Clock.tenSeconds.beyond {
      for answer in 0...Clock.tenSeconds.beyond {
        let found = try Scenario(
          tabs: 2, Network(loses: false, longestRequest: request, longestAnswer: answer)
        ).explore(forbidding: .anyEnding)
        #expect(
          (found.trace == nil) == (request + answer <= Clock.tenSeconds.window),
          "\(request) and \(answer) steps: \(found.trace ?? [])")
      }
    }
  }

  @Test(arguments: 0...Clock.tenSeconds.window)
  func `by three tabs, if request and answer together fit into the window`(request: UInt8) throws {
    let found = try Scenario(
      tabs: 3,
      Network(
        loses: false, longestRequest: request,
        longestAnswer: Clock.tenSeconds.window - request)
    ).explore(forbidding: .anyEnding)
    report(found)
    #expect(found.trace == nil)
    #expect(found.keys.count >= 3_500)
  }

  /// Whatever is lost: a lost answer that two tabs heal at once, of which one has its answer and
  /// uses it before the other's request is served, opens the window for that request.
  @Test(arguments: 0...Clock.tenSeconds.window)
  func `by two tabs and losses, if request and answer together fit into the window`(
    request: UInt8
  ) throws {
    let network = Network(
      loses: true, longestRequest: request, longestAnswer: Clock.tenSeconds.window - request)
    let found = try Scenario(tabs: 2, network).explore(forbidding: .anyEnding)
    report(found)
    #expect(found.trace == nil)
    #expect(found.keys.count >= 950)
  }

  /// The counter-check: a window that counts from the rotation alone signs an honest user out.
  @Test func `by two tabs that heal at once, because healing is noted`() throws {
    let network = Network(loses: true, longestRequest: 0, longestAnswer: 0)
    #expect(try Scenario(tabs: 2, network).explore(forbidding: .anyEnding).trace == nil)
    let found = try Scenario(.withoutNotingHealing, tabs: 2, network)
      .explore(forbidding: .anyEnding)
    #expect(
      found.trace == [
        "0 s: owner sends 1",
        "0 s: owner's 1 arrives: rotate",
        "0 s: the answer to owner is lost",
        "12 s: owner sends 1",
        "12 s: owner sends 1",
        "12 s: owner's 1 arrives: resend",
        "12 s: owner receives 2",
        "12 s: owner shows an access token of 2",
        "12 s: owner's 1 arrives: reuse",
      ])
  }

  @Test(arguments: [2, 3])
  func `by many tabs and losses, if requests keep their order and answers fit into the window`(
    tabs: Int
  ) throws {
    let found = try Scenario(
      tabs: tabs,
      Network(loses: true, keepsOrder: true, longestAnswer: Clock.tenSeconds.window)
    ).explore(forbidding: .anyEnding)
    report(found)
    #expect(found.trace == nil)
    #expect(found.keys.count >= (tabs == 2 ? 350 : 1_400))
  }
}

/// The sign-outs that the contract's table cannot avoid, each by its shortest sequence of events.
///
/// The server cannot tell these from a thief who follows the owner. One refresh at a time, as
/// the browser client does it, avoids them all.
@Suite struct `Somebody honest is signed out` {
  private typealias Network = Scenario.Network

  @Test func `when a second tab's request outlives the window on its way`() throws {
    let found = try Scenario(
      tabs: 2, Network(loses: false, longestRequest: 6, longestAnswer: 0)
    ).explore(forbidding: .anyEnding)
    #expect(
      found.trace == [
        "0 s: owner sends 1",
        "0 s: owner sends 1",
        "0 s: owner's 1 arrives: rotate",
        "0 s: owner receives 2",
        "0 s: owner shows an access token of 2",
        "12 s: owner's 1 arrives: reuse",
      ])
  }

  @Test func `when an answer outlives the window and overwrites a newer cookie`() throws {
    let found = try Scenario(
      tabs: 2, Network(loses: false, keepsOrder: true, longestAnswer: 6)
    ).explore(forbidding: .anyEnding)
    #expect(
      found.trace == [
        "0 s: owner's 1 arrives: rotate",
        "0 s: owner's 1 arrives: resend",
        "0 s: owner receives 2",
        "12 s: owner's 2 arrives: rotate",
        "12 s: owner receives 3",
        "12 s: owner's 3 arrives: keep",
        "12 s: owner receives 2",
        "24 s: owner's 2 arrives: reuse",
      ])
  }

  @Test func `when two tabs refresh in one second without a window`() throws {
    let found = try Scenario(
      .shipped, .none, tabs: 2, Network(loses: false, longestRequest: 0, longestAnswer: 0)
    ).explore(forbidding: .anyEnding)
    #expect(
      found.trace == [
        "0 s: owner sends 1",
        "0 s: owner sends 1",
        "0 s: owner's 1 arrives: rotate",
        "0 s: owner receives 2",
        "0 s: owner sends 2",
        "0 s: owner's 2 arrives: rotate",
        "0 s: owner's 1 arrives: reuse",
      ])
  }
}

/// Says how much was explored, for whoever reads the run.
func report(_ found: Exploration, _ name: String = Test.current?.name ?? "") {
  print("\(name): \(found.keys.count) states, \(found.steps) steps, \(found.endings) endings")
}
