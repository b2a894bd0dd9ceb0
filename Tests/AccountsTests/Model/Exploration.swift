@testable import Accounts

/// What a walk through every state of a scenario found.
struct Exploration {
  /// The states, each once, in the order of their distance from the login.
  var keys: [UInt64] = []
  /// Steps between states, each once.
  var steps = 0
  /// Steps that ended the session.
  var endings = 0
  /// The shortest way to what must not be, one line an event; nil if there is none.
  var trace: [String]?
}

/// What must not be.
enum Forbidden {
  /// The session ends, although nobody has stolen anything.
  case anyEnding
  /// One who was left behind is served.
  case servingTheDoomed
}

extension Scenario {
  /// Explores breadth first until nothing new is found, or what is forbidden.
  func explore(forbidding forbidden: Forbidden) -> Exploration {
    var found = Exploration()
    let first = World(exchanges: exchanges)
    found.keys = [first.key(owners: tabs)]
    var visited: Set<UInt64> = [first.key(owners: tabs)]
    var origins: [(parent: Int, event: Event)] = [(0, .waits)]
    var index = 0
    while index < found.keys.count {
      let world = World(key: found.keys[index], exchanges: exchanges)
      for (event, outcome) in successors(of: world) {
        found.steps += 1
        switch outcome {
        case .ended where forbidden == .anyEnding, .served:
          found.trace = trace(to: index, origins, last: event)
          return found
        case .ended: found.endings += 1
        case .world(let next):
          let key = next.key(owners: tabs)
          guard visited.insert(key).inserted else { continue }
          found.keys.append(key)
          origins.append((index, event))
        }
      }
      index += 1
    }
    return found
  }

  private func trace(
    to index: Int, _ origins: [(parent: Int, event: Event)], last: Event
  ) -> [String] {
    var events = [last]
    var index = index
    while index > 0 {
      events.append(origins[index].event)
      index = origins[index].parent
    }
    return told(events.reversed())
  }

  /// Events in words, with the time since login and generations counted from the login's own, 1.
  private func told(_ events: [Event]) -> [String] {
    var generation = 1
    var time: Int64 = 0
    return events.compactMap { event in
      func number(_ distance: UInt8) -> Int { generation - Int(distance) }
      let line: String
      switch event {
      case .waits:
        time += clock.step
        return nil
      case .sends(let party, let distance): line = "\(party) sends \(number(distance))"
      case .serves(let party, let distance, let decision):
        line = "\(party)'s \(number(distance)) arrives: \(decision)"
        if decision == .rotate { generation += 1 }
      case .losesRequest(let party, let distance): line = "\(party)'s \(number(distance)) is lost"
      case .losesAnswer(let party): line = "the answer to \(party) is lost"
      case .receives(let party, Exchange.noCookie): line = "\(party) receives no cookie"
      case .receives(let party, let cookie): line = "\(party) receives \(number(cookie))"
      case .shows(let party): line = "\(party) shows an access token of \(generation)"
      case .copies: line = "thief copies the cookie"
      }
      return "\(time) s: \(line)"
    }
  }
}
