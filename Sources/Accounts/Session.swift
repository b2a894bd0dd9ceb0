/// One login on one device: a family of refresh tokens of which one generation is live.
///
/// RFC 9700 §4.14.2.
package struct Session: Equatable, Sendable {
  package let id: SessionID
  package let account: AccountID
  /// The account's token version when the session began.
  package let version: Int64
  /// The live generation g; the login's own is 1.
  package var generation: Int64
  /// The newest generation known to have reached the client.
  package var confirmed: Int64
  /// When the live generation came to be.
  package var rotatedAt: NumericDate
  /// When the live generation was last put in a cookie.
  package var issuedAt: NumericDate
  /// When the live generation was last put in a cookie while it was unconfirmed: at its rotation,
  /// and at each resend that heals a lost answer.
  package var sentAt: NumericDate
  package let createdAt: NumericDate
  /// When the session was last refreshed.
  package var lastUsedAt: NumericDate
  /// The absolute end, however often it is refreshed.
  package let expiresAt: NumericDate
  /// How long the session lives after its last refresh, on a shared computer; nil on any other.
  package let sharedLifetime: Duration?
  /// Refresh tokens issued from this time on count only beside the companion cookie.
  ///
  /// The session's beginning; later for a session that is older than companion cookies.
  package let boundFrom: NumericDate
  /// The client's address at login, as text.
  package let address: String
  /// The client's User-Agent at login, cut to 256 bytes.
  package let userAgent: String

  package init(
    id: SessionID, account: AccountID, version: Int64, generation: Int64, confirmed: Int64,
    rotatedAt: NumericDate, issuedAt: NumericDate, sentAt: NumericDate, createdAt: NumericDate,
    lastUsedAt: NumericDate, expiresAt: NumericDate, sharedLifetime: Duration? = nil,
    boundFrom: NumericDate, address: String, userAgent: String
  ) {
    self.id = id
    self.account = account
    self.version = version
    self.generation = generation
    self.confirmed = confirmed
    self.rotatedAt = rotatedAt
    self.issuedAt = issuedAt
    self.sentAt = sentAt
    self.createdAt = createdAt
    self.lastUsedAt = lastUsedAt
    self.expiresAt = expiresAt
    self.sharedLifetime = sharedLifetime
    self.boundFrom = boundFrom
    self.address = address
    self.userAgent = userAgent
  }

  /// A session that begins now.
  ///
  /// The login's own generation counts as confirmed: it has no predecessor whose answer could
  /// have been lost, so nothing hangs on it, and the first `check` needs no write.
  package init(
    starting id: SessionID, account: AccountID, version: Int64, at now: NumericDate,
    lifetime: Duration, sharedLifetime: Duration? = nil, address: String, userAgent: String
  ) {
    self.init(
      id: id, account: account, version: version, generation: 1, confirmed: 1,
      rotatedAt: now, issuedAt: now, sentAt: now, createdAt: now, lastUsedAt: now,
      expiresAt: now + lifetime, sharedLifetime: sharedLifetime, boundFrom: now,
      address: address, userAgent: userAgent)
  }

  /// Whether a refresh token of this session counts only beside the session's companion cookie.
  ///
  /// - Parameter issued: The token's `iat`.
  /// - Returns: False only for a token from before the session was bound.
  package func requiresBinding(tokenIssuedAt issued: NumericDate) -> Bool {
    issued >= boundFrom
  }

  /// Whether the session began on a shared computer: its cookies end with the browser.
  package var isShared: Bool { sharedLifetime != nil }

  /// When the session ends unless it is refreshed again.
  ///
  /// On a shared computer that is soon after the last refresh; elsewhere it is the absolute end.
  package var endsAt: NumericDate {
    sharedLifetime.map { min(lastUsedAt + $0, expiresAt) } ?? expiresAt
  }

  /// When the refresh token of the live generation expires, never past the session's end.
  ///
  /// It counts from the rotation, not from the last cookie: the successor that is sent again is
  /// the same token, byte for byte.
  ///
  /// - Parameter lifetime: How long it lives unless the computer is shared.
  /// - Returns: The first second in which it does not count.
  package func refreshExpiry(lifetime: Duration) -> NumericDate {
    min(rotatedAt + (sharedLifetime ?? lifetime), expiresAt)
  }

  /// When a token issued now expires, never past the session's end.
  package func expiry(at now: NumericDate, lifetime: Duration) -> NumericDate {
    min(now + lifetime, endsAt)
  }
}

/// A session together with the account it belongs to, as the store holds them at one moment.
///
/// A class, so that handing it on costs one count and not one for each text in it.
package final class AccountSession: Equatable, Sendable {
  package let session: Session
  package let account: Account

  package init(session: Session, account: Account) {
    self.session = session
    self.account = account
  }

  package static func == (left: AccountSession, right: AccountSession) -> Bool {
    left.session == right.session && left.account == right.account
  }

  /// Whether tokens of this account, version and time count at all.
  package func accepts(account id: AccountID, version: Int64, at now: NumericDate) -> Bool {
    session.account == id && account.id == id && session.version == version
      && account.accepts(version: version) && now < session.endsAt
  }

  /// Whether an access token of this generation counts: no session has issued a later one yet.
  package func accepts(generation: Int64) -> Bool {
    // Not a range: a damaged store with a generation below 1 must deny, not end the program.
    generation >= 1 && generation <= session.generation
  }
}
