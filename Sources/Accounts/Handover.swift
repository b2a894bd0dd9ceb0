// One-time codes that lead a browser from the issuer to a site.
//
// The page of the issuer requests a code, and the site spends it. A stolen code is worthless: it
// counts once, within a minute, at one site, in the browser that requested it.
//
// The contract's section 10. The code resembles the authorization code of RFC 6749 §4.1.2, with a
// binding to the browser as in RFC 7636.

/// A one-time code as the store keeps it.
package struct Handover: Equatable, Sendable {
  /// The digest of the code, so that nobody who reads the store can spend a code.
  package let code: String
  package let session: SessionID
  package let account: AccountID
  /// The token version of the session.
  package let version: Int64
  /// The origin of the site.
  package let site: String
  /// The digest of the state cookie in the browser that requested the code.
  package let state: String
  /// The last second in which the code counts.
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

  /// Makes a code that is issued now.
  package init(
    code: String, for session: Session, site: String, state: String, at now: NumericDate
  ) {
    self.init(
      code: code, session: session.id, account: session.account, version: session.version,
      site: site, state: state, expiresAt: now + Handover.lifetime)
  }

  /// The reason why a presented code does not count, or nil if it counts.
  ///
  /// - Parameters:
  ///   - site: The site at which the code was presented.
  ///   - state: The digest of the state cookie in the request; nil if there is none.
  ///   - found: The stored session of the code and its account.
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

/// The reason why a code does not count, for the log.
package enum HandoverRefusal: String, Equatable, Sendable {
  case unknown = "unknown or spent code"
  case expired = "code expired"
  case otherSite = "code of another site"
  case noState = "no state cookie"
  case otherState = "state of another browser or tab"
  case sessionEnded = "the session has ended"
}

/// The outcome of presenting a code, which is spent in both cases.
package enum HandoverOutcome: Equatable, Sendable {
  case accepted(AccountSession)
  case refused(HandoverRefusal)
}

extension AccountStore {
  /// Stores a code, and deletes expired ones.
  package func issue(_ handover: Handover, at now: NumericDate) throws(StoreError) {
    try write { rows throws(StoreError) in
      try rows.deleteHandovers(endingBefore: now)
      try rows.insert(handover)
    }
  }

  /// Spends a code: it can be presented only once, whether it then counts or not.
  ///
  /// - Parameters:
  ///   - code: The digest of the code.
  ///   - site: The site at which the code was presented.
  ///   - state: The digest of the state cookie in the request; nil if there is none.
  ///   - now: The time of the request.
  /// - Returns: The session of the code, or the reason why the code does not count.
  /// - Throws: The error of a read or write; the code is not spent then.
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
