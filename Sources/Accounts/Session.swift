/// A session: one login on one device.
///
/// It is a family of refresh tokens, of which one generation is live.
///
/// RFC 9700 §4.14.2.
package struct Session: Equatable, Sendable {
  package let id: SessionID
  package let account: AccountID
  /// The token version that the account had when the session started.
  package let version: Int64
  /// The live generation; the login creates generation 1.
  package var generation: Int64
  /// The newest generation that is known to have reached the client.
  package var confirmed: Int64
  /// The time of the last rotation, which created the live generation.
  package var rotatedAt: NumericDate
  /// The time when the live generation was last sent in a cookie.
  package var issuedAt: NumericDate
  /// The time when the live generation was last sent while it was unconfirmed.
  ///
  /// That is the time of the rotation, or of the last resend after a lost response.
  package var sentAt: NumericDate
  package let createdAt: NumericDate
  /// The time of the last refresh.
  package var lastUsedAt: NumericDate
  /// The time at which the session ends, however often it is refreshed.
  package let expiresAt: NumericDate
  /// How long the session lives after its last refresh on a shared computer; nil on others.
  package let sharedLifetime: Duration?
  /// Refresh tokens that were issued at this time or later count only with the companion cookie.
  ///
  /// It is the start of the session, or later for a session that is older than companion cookies.
  package let boundFrom: NumericDate
  /// The text of the client's address at the login.
  package let address: String
  /// The client's User-Agent at the login, of at most 256 characters.
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

  /// Makes a session that starts now.
  ///
  /// Its first generation counts as confirmed. There is no previous generation to which a client
  /// could fall back, and so the first `check` need not store a confirmation.
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

  /// Whether a refresh token of this session counts only with the session's companion cookie.
  ///
  /// - Parameter issued: The token's `iat`.
  /// - Returns: False only for a token that was issued before `boundFrom`.
  package func requiresBinding(tokenIssuedAt issued: NumericDate) -> Bool {
    issued >= boundFrom
  }

  /// Whether the session started on a shared computer, so that its cookies end with the browser.
  package var isShared: Bool { sharedLifetime != nil }

  /// The time at which the session ends unless it is refreshed again.
  ///
  /// On a shared computer that is soon after the last refresh, on others it is `expiresAt`.
  package var endsAt: NumericDate {
    sharedLifetime.map { min(lastUsedAt + $0, expiresAt) } ?? expiresAt
  }

  /// The expiry of the refresh token of the live generation, at the latest the session's end.
  ///
  /// The lifetime starts with the rotation and not with the last cookie, because a token that is
  /// sent again must be the same token, byte for byte.
  ///
  /// - Parameter lifetime: The lifetime on a computer that is not shared.
  /// - Returns: The first second in which the token does not count.
  package func refreshExpiry(lifetime: Duration) -> NumericDate {
    min(rotatedAt + (sharedLifetime ?? lifetime), expiresAt)
  }

  /// The expiry of a token that is issued now, at the latest the session's end.
  package func expiry(at now: NumericDate, lifetime: Duration) -> NumericDate {
    min(now + lifetime, endsAt)
  }
}

/// A session and its account, as they are stored at one moment.
///
/// It is a class, so that a copy increments one reference count and not one for each text in it.
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

  /// Whether the session and its account accept a token with these claims at this time.
  package func accepts(account id: AccountID, version: Int64, at now: NumericDate) -> Bool {
    session.account == id && account.id == id && session.version == version
      && account.accepts(version: version) && now < session.endsAt
  }

  /// Whether the session has issued a token of this generation.
  package func accepts(generation: Int64) -> Bool {
    // A range would end the program if a damaged store holds a generation below 1. This denies.
    generation >= 1 && generation <= session.generation
  }
}
