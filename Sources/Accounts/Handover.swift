// One-time codes that lead a browser from the issuer to a site.
//
// The page of the issuer asks for a code; the site spends it. Whoever steals a code on the way has
// nothing: it counts once, for a minute, at one site, in the browser that asked for it.
//
// The contract's section 10; like the authorization code of RFC 6749 §4.1.2, with the binding to a
// browser of RFC 7636.

/// A one-time code as the store keeps it.
package struct Handover: Equatable, Sendable {
  /// The digest of the code: whoever reads the store cannot spend one.
  package let code: String
  package let session: SessionID
  package let account: AccountID
  /// The token version that the session had.
  package let version: Int64
  /// The origin of the site.
  package let site: String
  /// The digest of the state cookie of the browser that asked.
  package let state: String
  /// The last second in which it counts.
  package let expiresAt: NumericDate

  /// How long a code counts.
  package static let lifetime = Duration.seconds(60)

  package init(
    code: String, session: SessionID, account: AccountID, version: Int64, site: String,
    state: String, expiresAt: NumericDate
  ) {
    self.code = code
    self.session = session
    self.account = account
    self.version = version
    self.site = site
    self.state = state
    self.expiresAt = expiresAt
  }

  /// A code that is issued now.
  package init(
    code: String, for session: Session, site: String, state: String, at now: NumericDate
  ) {
    self.init(
      code: code, session: session.id, account: session.account, version: session.version,
      site: site, state: state, expiresAt: now + Handover.lifetime)
  }

  /// Why a code that was presented does not count, or nil.
  ///
  /// - Parameters:
  ///   - site: The site at which it was presented.
  ///   - state: The digest of the state cookie that came with it; nil if none came.
  ///   - found: The code's session with its account, as the store has them.
  ///   - now: The time of the request.
  /// - Returns: The first condition that does not hold.
  package func refusal(
    at site: String, state: String?, _ found: AccountSession?, now: NumericDate
  ) -> HandoverRefusal? {
    guard now <= expiresAt else { return .expired }
    guard self.site == site else { return .otherSite }
    guard let state else { return .noState }
    guard self.state == state else { return .otherState }
    guard let found, found.accepts(account: account, version: version, at: now) else {
      return .sessionEnded
    }
    return nil
  }
}

/// Why a code does not count; it is for the log.
package enum HandoverRefusal: String, Equatable, Sendable {
  case unknown = "unknown or spent code"
  case expired = "code expired"
  case otherSite = "code of another site"
  case noState = "no state cookie"
  case otherState = "state of another browser or tab"
  case sessionEnded = "the session has ended"
}

/// How presenting a code ended, committed: the code is spent either way.
package enum HandoverOutcome: Equatable, Sendable {
  case accepted(AccountSession)
  case refused(HandoverRefusal)
}

extension AccountStore {
  /// Stores a code, and deletes those that nobody presented in time.
  package func issue(_ handover: Handover, at now: NumericDate) throws(StoreError) {
    try write { rows throws(StoreError) in
      try rows.deleteHandovers(endingBefore: now)
      try rows.insert(handover)
    }
  }

  /// Spends a code: its first presentation, right or wrong, is its last.
  ///
  /// - Parameters:
  ///   - code: The digest of the code.
  ///   - site: The site at which it was presented.
  ///   - state: The digest of the state cookie that came with it; nil if none came.
  ///   - now: The time of the request.
  /// - Returns: The session that it leads to, or why it does not count.
  /// - Throws: What reading or writing met; the code is not spent then.
  package func spend(
    _ code: String, at site: String, state: String?, now: NumericDate
  ) throws(StoreError) -> HandoverOutcome {
    try write { rows throws(StoreError) in
      guard let handover = try rows.takeHandover(code) else { return .refused(.unknown) }
      let found = try rows.accountSession(of: handover.session)
      if let refusal = handover.refusal(at: site, state: state, found, now: now) {
        return .refused(refusal)
      }
      guard let found else { return .refused(.sessionEnded) }
      return .accepted(found)
    }
  }
}
