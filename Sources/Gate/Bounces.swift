/// When one browser was sent to sign in at one site of late.
///
/// The third time within a minute stops: the browser comes back without a cookie that counts. The
/// times travel in a cookie of the site, because `enter` keeps nothing.
package struct Bounces: Equatable, Sendable {
  private struct Bounce: Equatable {
    /// Seconds since the epoch.
    let time: Int64
    /// The fingerprint of the gate cookie that it brought, which `check` had refused.
    let cookie: String?
  }

  /// What becomes of a browser that arrives once more.
  package enum Verdict: Equatable, Sendable {
    /// It is sent to sign in.
    case go
    /// It was sent twice within a minute and has not landed since: somebody may still be signing in,
    /// or the browser keeps no cookie.
    case wait
    /// It has landed each time, and each time the new cookie was refused.
    case circle
  }

  /// The oldest first.
  private let bounces: [Bounce]

  /// In seconds.
  package static let window: Int64 = 60

  /// Reads the cookie's value; what is malformed, in the future or a minute old counts as absent.
  package init(_ text: String, at now: Int64) {
    bounces = text.split(separator: ".").prefix(2).compactMap { part in
      let halves = part.split(separator: ":", maxSplits: 1)
      guard let first = halves.first, let time = Int64(first),
        (0..<Bounces.window).contains(now.subtractingReportingOverflow(time).partialValue)
      else { return nil }
      return Bounce(time: time, cookie: halves.count == 2 ? String(halves[1]) : nil)
    }
  }

  /// Judges a browser that arrives once more.
  ///
  /// - Parameter cookie: The fingerprint of the gate cookie that it brings; nil if it brings none.
  /// - Returns: What becomes of it. A cookie after none says that it has landed meanwhile: that
  ///   session may simply have ended.
  package func verdict(cookie: String?) -> Verdict {
    guard bounces.count >= 2 else { return .go }
    guard let cookie else { return .wait }
    guard let last = bounces.last?.cookie else { return .go }
    return last == cookie ? .wait : .circle
  }

  /// The cookie's value after one more.
  package func adding(_ now: Int64, cookie: String?) -> String {
    (bounces.suffix(1) + [Bounce(time: now, cookie: cookie)])
      .map { "\($0.time)" + ($0.cookie.map { ":\($0)" } ?? "") }.joined(separator: ".")
  }
}
