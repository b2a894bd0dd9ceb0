import Testing

@testable import Accounts

/// A session, reduced to all that the rule can tell apart.
///
/// Generations are distances from the live one and times are ages, in steps of the model's clock;
/// `RotationReachTests` proves that the rule looks at nothing else. So the model is finite, and what is
/// explored to the end holds for any number of steps.
struct Standpoint: Hashable, Sendable {
  /// Whether the live generation is the login's own.
  var isFirst: Bool
  /// How far `confirmed` lies behind the live generation: 0 or 1.
  var lag: UInt8
  /// Steps since the last cookie of the unconfirmed live generation, at most one more than the
  /// window.
  var sentAge: UInt8
  /// Steps since the last cookie, at most one more than the window.
  var issuedAge: UInt8

  /// 8 bits.
  var index: Int {
    (isFirst ? 1 : 0) | Int(lag) << 1 | Int(sentAge) << 2 | Int(issuedAge) << 5
  }

  init(isFirst: Bool, lag: UInt8, sentAge: UInt8, issuedAge: UInt8) {
    self.isFirst = isFirst
    self.lag = lag
    self.sentAge = sentAge
    self.issuedAge = issuedAge
  }

  init(index: UInt64) {
    self.init(
      isFirst: index & 1 != 0, lag: UInt8(index >> 1 & 1), sentAge: UInt8(index >> 2 & 7),
      issuedAge: UInt8(index >> 5 & 7))
  }
}

/// The window of reuse and the clock's step.
struct Clock: Sendable {
  /// Seconds in a step.
  let step: Int64
  /// Steps in the window.
  let window: UInt8

  /// The age from which nothing changes any more.
  var beyond: UInt8 { window + 1 }
  var reuseWindow: Duration { .seconds(step * Int64(window)) }

  /// 10 s, in steps of 2 s.
  static let tenSeconds = Clock(step: 2, window: 5)
  /// No window, in steps of 1 s.
  static let none = Clock(step: 1, window: 0)
}

/// The rule's answer in every situation, asked once, because it depends on nothing else.
struct ServerTable: Sendable {
  struct Answer: Sendable {
    let decision: Rotation
    let next: Standpoint
  }

  private var presented: [Answer?] = Array(repeating: nil, count: 256 * 3)
  private var confirmed: [Standpoint?] = Array(repeating: nil, count: 256)
  /// The ways in which an answer was none that the contract knows.
  private(set) var faults: [String] = []

  init(_ rule: Rule, _ clock: Clock) throws {
    let ages = 0...clock.beyond
    for isFirst in [true, false] {
      for lag in UInt8(0)...(isFirst ? 0 : 1) {
        for sent in ages {
          for issued in 0...sent {
            try ask(
              rule, clock,
              Standpoint(isFirst: isFirst, lag: lag, sentAge: sent, issuedAge: issued))
          }
        }
      }
    }
  }

  /// What the server does with the generation that lies `distance` behind the live one.
  ///
  /// Beside the login's own generation there is no other: what was never issued is reuse.
  func answer(_ standpoint: Standpoint, distance: UInt8) -> Answer {
    presented[standpoint.index * 3 + Int(distance)]
      ?? Answer(decision: .reuse, next: standpoint)
  }

  /// The standpoint after an access token of the live generation was used.
  func confirmed(_ standpoint: Standpoint) -> Standpoint {
    confirmed[standpoint.index] ?? standpoint
  }

  private mutating func ask(_ rule: Rule, _ clock: Clock, _ standpoint: Standpoint) throws {
    let now = start + 1_000
    let live: Int64 = standpoint.isFirst ? 1 : 1_000
    let before = try session(
      generation: live, confirmed: live - Int64(standpoint.lag),
      issued: 1_000 - clock.step * Int64(standpoint.issuedAge),
      sent: 1_000 - clock.step * Int64(standpoint.sentAge))

    func reduced(_ session: Session) -> Standpoint {
      Standpoint(
        isFirst: session.generation == 1,
        lag: UInt8(clamping: session.generation - session.confirmed),
        sentAge: UInt8(clamping: (now - session.sentAt) / clock.step),
        issuedAge: UInt8(clamping: (now - session.issuedAt) / clock.step))
    }

    for distance in UInt8(0)...(standpoint.isFirst ? 0 : 2) {
      let given = live - Int64(distance)
      let (decision, after) = rule.present(before, given, now, clock.reuseWindow)
      presented[standpoint.index * 3 + Int(distance)] = Answer(
        decision: decision, next: reduced(after))
      note(decision, given: given, before: before, after: after)
    }
    if let after = rule.confirm(before, live) { confirmed[standpoint.index] = reduced(after) }
    if let after = rule.confirm(before, live - 1) {
      faults.append("an older access token confirmed \(after.confirmed)")
    }
  }

  /// Notes an answer that carries another generation than the one that lives afterwards, or a
  /// second cookie for one generation: a refresh token is a function of session, generation and
  /// `rotatedAt`.
  private mutating func note(
    _ decision: Rotation, given: Int64, before: Session, after: Session
  ) {
    switch decision {
    case .rotate where after.generation != given + 1 || given != before.generation,
      .resend where after.generation != given + 1 || after.generation != before.generation,
      .keep where after.generation != given || given != before.generation,
      .reuse where after != before:
      faults.append(
        "\(decision) of \(given) beside \(before.generation) leads to \(after.generation)")
    default: break
    }
    if after.generation == before.generation, after.rotatedAt != before.rotatedAt {
      faults.append("a second cookie for generation \(after.generation)")
    }
    if !(after.generation - 1...after.generation).contains(after.confirmed) {
      faults.append("confirmed \(after.confirmed) beside generation \(after.generation)")
    }
  }
}
