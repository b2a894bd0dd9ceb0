import Testing

@testable import Accounts

/// What a server does with a refresh token and with an access token, so that a test can break it.
struct Rule: Sendable, CustomTestStringConvertible {
  typealias Present =
    @Sendable (Session, Int64, NumericDate, Duration) -> (decision: Rotation, session: Session)

  let testDescription: String
  var present: Present = { $0.presented($1, at: $2, reuseWindow: $3) }
  var confirm: @Sendable (Session, Int64) -> Session? = { $0.confirming(generation: $1) }

  /// The rule as it is shipped.
  static let shipped = Rule(testDescription: "the shipped rule")
}

// The same rule with one row of its table taken out or changed. The model must notice each.
extension Rule {
  /// A lost answer heals only inside the window.
  static let withoutHealing = Rule("a lost answer never heals") {
    session, presented, now, window in
    let isPrevious = presented == session.generation - 1
    if isPrevious, session.confirmed < session.generation,
      !now.isWithin(window, of: session.sentAt)
    {
      return (.reuse, session)
    }
    return session.presented(presented, at: now, reuseWindow: window)
  }

  /// Another tab that is late is taken for a thief.
  static let withoutWindow = Rule("no window for another tab") {
    session, presented, now, window in
    if presented == session.generation - 1, session.confirmed == session.generation {
      return (.reuse, session)
    }
    return session.presented(presented, at: now, reuseWindow: window)
  }

  /// The live generation is replaced although it went out a moment ago.
  static let withoutKeeping = Rule("every refresh rotates") {
    session, presented, now, window in
    session.presented(
      presented, at: now, reuseWindow: presented == session.generation ? .zero : window)
  }

  /// The live generation is never replaced.
  static let withoutRotating = Rule("only the login's own rotates") {
    session, presented, now, window in
    if presented == session.generation, presented > 1 {
      var kept = session
      kept.confirmed = presented
      return (.keep, kept)
    }
    return session.presented(presented, at: now, reuseWindow: window)
  }

  /// The one before the live one is answered for good.
  static let withoutEndOfWindow = Rule("the window never closes") {
    session, presented, now, window in
    guard presented == session.generation - 1 else {
      return session.presented(presented, at: now, reuseWindow: window)
    }
    var resent = session
    resent.issuedAt = now
    return (.resend, resent)
  }

  /// Whatever is old is answered with the live one.
  static let withoutReuse = Rule("nothing is reuse") {
    session, presented, now, window in
    let (decision, next) = session.presented(presented, at: now, reuseWindow: window)
    guard decision == .reuse else { return (decision, next) }
    var resent = session
    resent.issuedAt = now
    return (.resend, resent)
  }

  /// A successor that is sent again does not hold up the next rotation.
  static let withoutNotingResend = Rule("sending again leaves issued_at") {
    session, presented, now, window in
    var (decision, next) = session.presented(presented, at: now, reuseWindow: window)
    if decision == .resend { next.issuedAt = session.issuedAt }
    return (decision, next)
  }

  /// The window of another tab counts from the rotation, however late the answer was healed.
  static let withoutNotingHealing = Rule("healing leaves sent_at") {
    session, presented, now, window in
    var (decision, next) = session.presented(presented, at: now, reuseWindow: window)
    if decision == .resend { next.sentAt = session.sentAt }
    return (decision, next)
  }

  /// A successor that is sent again counts its life from now: another token, other bytes.
  static let withoutOneCookie = Rule("sending again renews") {
    session, presented, now, window in
    var (decision, next) = session.presented(presented, at: now, reuseWindow: window)
    if decision == .resend { next.rotatedAt = now }
    return (decision, next)
  }

  /// Presenting the live generation inside the window is no proof that it arrived.
  static let withoutConfirmingKept = Rule("keeping confirms nothing") {
    session, presented, now, window in
    var (decision, next) = session.presented(presented, at: now, reuseWindow: window)
    if decision == .keep { next.confirmed = session.confirmed }
    return (decision, next)
  }

  /// An access token that is used is no proof that its answer arrived.
  static let withoutConfirming = Rule(
    testDescription: "an access token confirms nothing", confirm: { _, _ in nil })
}

extension Rule {
  private init(_ testDescription: String, _ present: @escaping Present) {
    self.init(testDescription: testDescription, present: present)
  }
}
