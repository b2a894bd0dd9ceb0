@testable import Accounts

/// How a party behaves in its turns.
struct Manner: Sendable {
  /// Whether it shows the access token before the other's turn; else it does so afterwards.
  var showsAtOnce = true
  /// Whether more than the window passes before its turn.
  var isLate = true
}

extension Scenario {
  /// One turn after another from every state in which both hold a cookie and nothing is under
  /// way: a party refreshes, receives the answer and shows the access token, then the other does.
  ///
  /// - Parameters:
  ///   - keys: The states to start from.
  ///   - thief: How the thief behaves; the owner shows at once and comes late.
  ///   - maximum: How many turns to play.
  /// - Returns: How many games ended with turn 1, 2 and so on; the last counts those that did not.
  func games(from keys: [UInt64], thief: Manner = Manner(), maximum: Int) -> [Int] {
    var endings = Array(repeating: 0, count: maximum + 1)
    for key in keys {
      var world = World(key: key, exchanges: exchanges)
      world.isDoomed = [false, false]
      guard world.exchanges.allSatisfy({ $0 == .idle }),
        world.jars[.thief] != Exchange.noCookie
      else { continue }
      for first in Party.allCases {
        play(world, first, thief: thief, turn: 0, &endings)
      }
    }
    return endings
  }

  private func play(
    _ world: World, _ party: Party, thief: Manner, turn: Int, _ endings: inout [Int]
  ) {
    guard turn < endings.count - 1 else {
      endings[turn] += 1
      return
    }
    let manner = party == .thief ? thief : Manner()
    guard let once = self.turn(world, party, manner) else {
      endings[turn] += 1
      return
    }
    play(once, party.other, thief: thief, turn: turn + 1, &endings)
    // A second refresh in the same turn, at once or late, must not change who is caught.
    for isLate in [false, true] {
      var again = manner
      again.isLate = isLate
      guard let twice = self.turn(once, party, again) else {
        endings[turn] += 1
        continue
      }
      play(twice, party.other, thief: thief, turn: turn + 1, &endings)
    }
  }

  /// The world after a turn; nil where the session has ended.
  private func turn(_ world: World, _ party: Party, _ manner: Manner) -> World? {
    let index = party == .owner ? 0 : tabs
    var world = world
    for _ in 0..<(manner.isLate ? clock.beyond : 0) { world = wait(world) ?? world }
    guard let sent = send(world, index), case .world(let served) = serve(sent, index).outcome
    else { return nil }
    var next = receive(served, index)
    if manner.showsAtOnce { next = show(next, party) }
    // What the other still has to show, it shows after this turn.
    if next.hasToken[party.other] { next = show(next, party.other) }
    return next
  }
}
