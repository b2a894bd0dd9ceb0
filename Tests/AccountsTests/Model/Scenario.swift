@testable import Accounts

/// What may happen in a world.
struct Scenario: Sendable {
  let clock: Clock
  /// Refreshes of the owner that may be under way at once.
  let tabs: Int
  let hasThief: Bool
  let network: Network
  let table: ServerTable

  init(
    _ rule: Rule = .shipped, _ clock: Clock = .tenSeconds, tabs: Int, hasThief: Bool = false,
    _ network: Network = Network()
  ) throws {
    self.clock = clock
    self.tabs = tabs
    self.hasThief = hasThief
    self.network = network
    table = try ServerTable(rule, clock)
  }

  /// What lies between a tab and the server.
  struct Network: Sendable {
    /// Whether requests and answers get lost; a server that crashes between commit and answer
    /// has lost one.
    var loses = true
    /// Whether the server takes requests in the order in which they were sent.
    var keepsOrder = false
    /// Steps that a request may take at most; nil: any time.
    var longestRequest: UInt8?
    /// Steps that an answer may take at most; nil: any time.
    var longestAnswer: UInt8?
  }

  var exchanges: Int { tabs + (hasThief ? 1 : 0) }

  func party(of exchange: Int) -> Party { exchange < tabs ? .owner : .thief }
}

/// One thing that happens.
enum Event: Equatable, Sendable {
  case sends(Party, distance: UInt8)
  case serves(Party, distance: UInt8, Rotation)
  case losesRequest(Party, distance: UInt8)
  case losesAnswer(Party)
  case receives(Party, cookie: UInt8)
  case shows(Party)
  case copies
  case waits
}

/// What an event leads to.
enum Outcome {
  case world(World)
  /// The session has ended.
  case ended
  /// One who was left behind was served.
  case served
}

extension Scenario {
  typealias Successor = (event: Event, outcome: Outcome)

  /// Everything that can happen next.
  func successors(of world: World) -> [Successor] {
    var found: [Successor] = []
    for index in world.exchanges.indices {
      let party = party(of: index)
      switch world.exchanges[index] {
      case .idle:
        guard let next = send(world, index) else { break }
        let event = Event.sends(party, distance: world.jars[party])
        found.append(network.keepsOrder ? serve(next, index) : (event, .world(next)))
      case .request(let distance, _):
        found.append(serve(world, index))
        guard network.loses else { break }
        let event = Event.losesRequest(party, distance: distance)
        found.append((event, .world(world.dropping(index))))
      case .answer(let cookie, _, _):
        found.append((.receives(party, cookie: cookie), .world(receive(world, index))))
        guard network.loses else { break }
        found.append((.losesAnswer(party), .world(world.dropping(index))))
      }
    }
    for party in Party.allCases where world.hasToken[party] {
      found.append((.shows(party), .world(show(world, party))))
    }
    if hasThief { found.append((.copies, .world(copy(world)))) }
    if let next = wait(world) { found.append((.waits, .world(next))) }
    return found.map { ($0, settled($1)) }
  }

  /// A tab sends the cookie of its jar; nil where there is none.
  func send(_ world: World, _ index: Int) -> World? {
    let distance = world.jars[party(of: index)]
    guard distance != Exchange.noCookie else { return nil }
    var next = world
    next.exchanges[index] = .request(distance: distance, age: 0)
    return next
  }

  /// A request reaches the server.
  func serve(_ world: World, _ index: Int) -> Successor {
    guard case .request(let distance, _) = world.exchanges[index] else {
      return (.waits, .world(world))
    }
    let party = party(of: index)
    let answer = table.answer(world.server, distance: distance)
    let event = Event.serves(party, distance: distance, answer.decision)
    if answer.decision == .reuse { return (event, .ended) }
    if world.isDoomed[party] { return (event, .served) }

    var next = world
    if answer.decision == .rotate {
      next.jars = next.jars.map(older)
      next.exchanges = next.exchanges.map(\.outdated)
      next.hasToken = [false, false]
      next.isSeen = false
    } else if answer.decision == .keep {
      next.isSeen = true
    }
    next.server = answer.next
    next.exchanges[index] = .answer(
      cookie: answer.decision == .keep ? Exchange.noCookie : 0, hasLiveToken: true, age: 0)
    return (event, .world(next))
  }

  /// An answer reaches its tab; its cookie replaces the jar's, newer or older.
  func receive(_ world: World, _ index: Int) -> World {
    guard case .answer(let cookie, let hasLiveToken, _) = world.exchanges[index] else {
      return world
    }
    var next = world.dropping(index)
    if cookie != Exchange.noCookie { next.jars[party(of: index)] = cookie }
    if hasLiveToken { next.hasToken[party(of: index)] = true }
    return next
  }

  /// A party shows its access token to a route that looks at it.
  func show(_ world: World, _ party: Party) -> World {
    var next = world
    next.server = table.confirmed(world.server)
    next.isSeen = true
    next.hasToken[party] = false
    return next
  }

  /// The thief takes the cookie that lies in the owner's jar.
  func copy(_ world: World) -> World {
    var next = world
    next.jars[.thief] = world.jars[.owner]
    next.isDoomed[.thief] = false
    return next
  }

  /// The world one step later, or nil where something under way must arrive before.
  func wait(_ world: World) -> World? {
    var next = world
    next.server.sentAge = min(world.server.sentAge + 1, clock.beyond)
    next.server.issuedAge = min(world.server.issuedAge + 1, clock.beyond)
    for index in world.exchanges.indices {
      switch world.exchanges[index] {
      case .request(let distance, let age):
        guard let longest = network.longestRequest else { continue }
        guard age < longest else { return nil }
        next.exchanges[index] = .request(distance: distance, age: age + 1)
      case .answer(let cookie, let hasLiveToken, let age):
        guard let longest = network.longestAnswer else { continue }
        guard age < longest else { return nil }
        next.exchanges[index] = .answer(
          cookie: cookie, hasLiveToken: hasLiveToken, age: age + 1)
      case .idle: continue
      }
    }
    return next
  }

  /// Marks who was left behind, and forgets access tokens that say nothing new.
  ///
  /// Left behind is a party that holds an older cookie and waits for no answer, while somebody
  /// was seen with the live generation and the window has passed.
  private func settled(_ outcome: Outcome) -> Outcome {
    guard case .world(var world) = outcome else { return outcome }
    if world.isSeen, world.server.lag == 0 { world.hasToken = [false, false] }
    guard hasThief, world.isSeen, world.server.sentAge == clock.beyond else {
      return .world(world)
    }
    for party in Party.allCases where (1...2).contains(world.jars[party]) {
      let own = party == .owner ? world.exchanges.prefix(tabs) : world.exchanges.dropFirst(tabs)
      if own.allSatisfy({ $0 == .idle }) { world.isDoomed[party] = true }
    }
    return .world(world)
  }
}

extension Array {
  /// What belongs to a party.
  subscript(party: Party) -> Element {
    get { self[Int(party.rawValue)] }
    set { self[Int(party.rawValue)] = newValue }
  }
}
