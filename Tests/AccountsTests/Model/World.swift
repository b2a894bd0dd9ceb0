/// Who holds cookies: one jar for all tabs of the owner, one for the thief.
enum Party: UInt8, CaseIterable, Sendable {
  case owner, thief

  var other: Party { self == .owner ? .thief : .owner }
}

/// One exchange with the server, as far as it has come.
///
/// A generation is its distance behind the live one: 0, 1, or 2 for all that are older.
enum Exchange: Equatable, Sendable {
  case idle
  /// The cookie that the jar held when it was sent, on its way.
  case request(distance: UInt8, age: UInt8)
  /// The answer on its way: its cookie, if it has one, and whether its access token is of the
  /// live generation.
  case answer(cookie: UInt8, hasLiveToken: Bool, age: UInt8)

  static let noCookie: UInt8 = 3

  init(bits: UInt64) {
    let value = UInt8(bits >> 2 & 3)
    let age = UInt8(bits >> 4 & 7)
    self =
      switch bits & 3 {
      case 1: .request(distance: value, age: age)
      case 2: .answer(cookie: value, hasLiveToken: bits & 128 != 0, age: age)
      default: .idle
      }
  }

  /// 8 bits.
  var bits: UInt64 {
    switch self {
    case .idle: 0
    case .request(let distance, let age): 1 | UInt64(distance) << 2 | UInt64(age) << 4
    case .answer(let cookie, let hasLiveToken, let age):
      2 | UInt64(cookie) << 2 | UInt64(age) << 4 | (hasLiveToken ? 128 : 0)
    }
  }

  /// The exchange after the live generation was replaced.
  var outdated: Exchange {
    switch self {
    case .idle: .idle
    case .request(let distance, let age): .request(distance: older(distance), age: age)
    case .answer(let cookie, _, let age):
      .answer(cookie: older(cookie), hasLiveToken: false, age: age)
    }
  }
}

/// The distance after a rotation; none stays none.
func older(_ distance: UInt8) -> UInt8 {
  distance >= 2 ? distance : distance + 1
}

/// The server's session, the jars, and everything under way.
struct World: Sendable {
  var server = Standpoint(isFirst: true, lag: 0, sentAge: 0, issuedAge: 0)
  /// Whether anybody was seen with the live generation; the model's own record, not the rule's.
  var isSeen = true
  /// Distances; `Exchange.noCookie` for a thief who has copied none.
  var jars: [UInt8] = [0, Exchange.noCookie]
  /// Whether a party holds an access token of the live generation that it may still show.
  var hasToken = [false, false]
  /// Whether a party was left behind: its next refresh must end the session.
  var isDoomed = [false, false]
  /// The tabs of the owner, then the thief's.
  var exchanges: [Exchange]

  init(exchanges count: Int) {
    exchanges = Array(repeating: .idle, count: count)
  }

  /// All of it in one number; the owner's tabs in order of what they do, for they are alike.
  func key(owners: Int) -> UInt64 {
    var key = UInt64(server.index) | (isSeen ? 1 << 8 : 0)
    key |= UInt64(jars[0]) << 9 | UInt64(jars[1]) << 11
    key |= (hasToken[0] ? 1 << 13 : 0) | (hasToken[1] ? 1 << 14 : 0)
    key |= (isDoomed[0] ? 1 << 15 : 0) | (isDoomed[1] ? 1 << 16 : 0)
    let bits = exchanges.map(\.bits)
    for (place, bits) in (bits.prefix(owners).sorted() + bits.dropFirst(owners)).enumerated() {
      key |= bits << (17 + 8 * UInt64(place))
    }
    return key
  }

  init(key: UInt64, exchanges count: Int) {
    server = Standpoint(index: key & 255)
    isSeen = key & 1 << 8 != 0
    jars = [UInt8(key >> 9 & 3), UInt8(key >> 11 & 3)]
    hasToken = [key & 1 << 13 != 0, key & 1 << 14 != 0]
    isDoomed = [key & 1 << 15 != 0, key & 1 << 16 != 0]
    exchanges = (0..<count).map { Exchange(bits: key >> (17 + 8 * UInt64($0)) & 255) }
  }

  func dropping(_ index: Int) -> World {
    var next = self
    next.exchanges[index] = .idle
    return next
  }
}
