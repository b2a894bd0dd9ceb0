// Starting a session: at registration, at login, at a password change.

/// What a login writes.
package struct Start: Equatable, Sendable {
  package let session: Session
  /// The attempt that succeeded: its pair counter is cleared, its network remembered.
  package let attempt: Attempt
  /// The credentials that were verified; another version in the store is `outdated`.
  ///
  /// Another hash of the same version is the same password, hashed anew by another login.
  package let verified: Credentials
  /// A stronger hash of the same password, stored only where the verified one still is.
  package let newHash: String?
  /// How many sessions an account may have.
  package let maximumSessions: Int

  package init(
    session: Session, attempt: Attempt, verified: Credentials, newHash: String?,
    maximumSessions: Int
  ) {
    self.session = session
    self.attempt = attempt
    self.verified = verified
    self.newHash = newHash
    self.maximumSessions = maximumSessions
  }
}

/// What a password change writes.
package struct PasswordChange: Equatable, Sendable {
  /// The session to start; it carries the raised version already.
  package let session: Session
  /// The attempt that succeeded: its pair counter is cleared, its network remembered.
  package let attempt: Attempt
  /// The credentials that were verified; another version in the store is `outdated`.
  package let verified: Credentials
  /// The hash of the new password.
  package let newHash: String

  package init(session: Session, attempt: Attempt, verified: Credentials, newHash: String) {
    self.session = session
    self.attempt = attempt
    self.verified = verified
    self.newHash = newHash
  }
}

/// How starting a session ended, committed.
package enum StartOutcome: Equatable, Sendable {
  /// The sessions that ended to make room, the one unused longest first.
  case started(evicted: [SessionID])
  /// A ban came into force while the password was verified; nothing was started.
  case banned(seconds: Int64)
  /// The account was deleted, disabled or revoked since it was read; nothing was started.
  case outdated
}

extension Session {
  /// Why this session cannot start for what was verified a moment ago, or nil.
  ///
  /// The version says it all: another password raises it. Another hash of the same version is the
  /// same password, hashed anew by a login at the same moment.
  ///
  /// - Parameters:
  ///   - verified: The account whose password was verified.
  ///   - current: The same account as it is stored now, nil if it was deleted.
  ///   - version: The version that the session must have.
  ///   - secondsBanned: The ban that holds for the attempt now, or nil.
  /// - Returns: The outcome that takes the place of a start, or nil.
  package func obstacle(
    verified: Account, current: Account?, version: Int64, secondsBanned: Int64?
  ) -> StartOutcome? {
    if let secondsBanned { return .banned(seconds: secondsBanned) }
    guard let current, current.id == verified.id, current.accepts(version: verified.version),
      account == verified.id, self.version == version
    else { return .outdated }
    return nil
  }

  /// Which sessions of an account end so that one more can start.
  ///
  /// - Parameters:
  ///   - sessions: The account's sessions, the one that began last first.
  ///   - maximum: How many there may be with the one that starts, which is never ended.
  ///   - now: The time of the start.
  /// - Returns: Those that are over by themselves, and those that end for it, the one unused
  ///   longest first.
  package static func makingRoom(
    in sessions: [Session], maximum: Int, at now: NumericDate
  ) -> (expired: [SessionID], evicted: [SessionID]) {
    let expired = sessions.filter { $0.endsAt <= now }
    // The sort is stable: of two last used in one second, the one that began first goes first.
    let live = sessions.filter { now < $0.endsAt }.sorted { $0.lastUsedAt > $1.lastUsedAt }
    let evicted = live.dropFirst(max(1, maximum) - 1).reversed()
    return (expired.map(\.id), evicted.map(\.id))
  }
}

extension AccountStore {
  /// Creates an account and its first session; false if the name is taken.
  package func register(
    _ credentials: Credentials, starting session: Session?, network: Network?
  ) throws(StoreError) -> Bool {
    try write { rows throws(StoreError) in
      guard try rows.insert(credentials) else { return false }
      let account = credentials.account
      if let session { try rows.insert(session) }
      if let network { try rows.remember(network, of: account.id, at: account.createdAt) }
      return true
    }
  }

  /// Starts a session for verified credentials, ending those unused longest beyond the maximum.
  package func start(_ start: Start, at now: NumericDate) throws(StoreError) -> StartOutcome {
    try write { rows throws(StoreError) in
      let verified = start.verified
      let stored = try rows.credentials(of: verified.account.id)
      if let obstacle = start.session.obstacle(
        verified: verified.account, current: stored?.account, version: verified.account.version,
        secondsBanned: try rows.secondsBanned(start.attempt, at: now))
      {
        return obstacle
      }
      if let hash = start.newHash, let stored, stored.passwordHash == verified.passwordHash {
        try rows.update(Credentials(account: stored.account, passwordHash: hash))
      }
      let ending = Session.makingRoom(
        in: try rows.sessions(of: verified.account.id), maximum: start.maximumSessions, at: now)
      for session in ending.expired + ending.evicted { _ = try rows.delete(session) }
      for session in ending.evicted { try rows.noteRevocation(.session(session)) }
      try rows.begin(start.session, after: start.attempt, at: now)
      return .started(evicted: ending.evicted)
    }
  }

  /// Sets the new hash, raises the version by one, ends every session, starts this one.
  package func changePassword(
    _ change: PasswordChange, at now: NumericDate
  ) throws(StoreError) -> StartOutcome {
    try write { rows throws(StoreError) in
      let verified = change.verified.account
      let stored = try rows.credentials(of: verified.id)
      if let obstacle = change.session.obstacle(
        verified: verified, current: stored?.account,
        version: verified.withRaisedVersion.version,
        secondsBanned: try rows.secondsBanned(change.attempt, at: now))
      {
        return obstacle
      }
      if let stored {
        let raised = stored.account.withRaisedVersion
        try rows.replace(stored, by: Credentials(account: raised, passwordHash: change.newHash))
      }
      try rows.begin(change.session, after: change.attempt, at: now)
      return .started(evicted: [])
    }
  }
}

extension StoreTransaction {
  /// Starts the session, and notes that the attempt succeeded.
  fileprivate func begin(
    _ session: Session, after attempt: Attempt, at now: NumericDate
  ) throws(StoreError) {
    try insert(session)
    try countSuccess(attempt, at: now)
    try remember(attempt.network, of: session.account, at: now)
  }

  /// Remembers that an account has logged in from a network.
  ///
  /// Not where no address is known: that would make every such client known to the account.
  fileprivate func remember(
    _ network: Network, of account: AccountID, at now: NumericDate
  ) throws(StoreError) {
    guard network != .unknown else { return }
    try storeLogin(of: account, from: network, at: now)
  }
}
