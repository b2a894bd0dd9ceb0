// Starts sessions: at a registration, at a login and at a change of the password.

/// The data that a login stores.
package struct Start: Equatable, Sendable {
  package let session: Session
  /// The successful attempt: its counter of name and network is deleted, and its network is stored.
  package let attempt: Attempt
  /// The verified credentials; if the stored version differs, the outcome is `outdated`.
  ///
  /// A different hash with the same version is allowed: another login has upgraded the hash.
  package let verified: Credentials
  /// A stronger hash of the same password, or nil to keep the stored one.
  ///
  /// It is stored only if the verified hash is still the stored one.
  package let newHash: String?
  /// The maximum number of sessions of an account.
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

/// The data that a change of the password stores.
package struct PasswordChange: Equatable, Sendable {
  /// The session to start; it already has the raised version.
  package let session: Session
  /// The successful attempt: its counter of name and network is deleted, and its network is stored.
  package let attempt: Attempt
  /// The verified credentials; if the stored version differs, the outcome is `outdated`.
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

/// The committed outcome of starting a session.
package enum StartOutcome: Equatable, Sendable {
  /// The session was started, and these sessions ended to make room.
  ///
  /// The session that was unused longest comes first.
  case started(evicted: [SessionID])
  /// A ban came into force while the password was verified; no session was started.
  case banned(seconds: Int64)
  /// The account was deleted, disabled or revoked after it was read; no session was started.
  case outdated
}

extension Session {
  /// The reason why this session must not start although the password was verified, or nil.
  ///
  /// It compares versions and not hashes, because a change of the password raises the version. A
  /// different hash with the same version is of the same password: another login at the same time
  /// has upgraded the hash.
  ///
  /// - Parameters:
  ///   - verified: The account whose password was verified.
  ///   - current: The same account as it is stored now; nil if it was deleted.
  ///   - version: The version that the session must have.
  ///   - secondsBanned: The number of seconds for which the attempt is banned now, or nil.
  /// - Returns: The outcome if the session must not start, otherwise nil.
  package func obstacle(
    verified: Account, current: Account?, version: Int64, secondsBanned: Int64?
  ) -> StartOutcome? {
    if let secondsBanned { return .banned(seconds: secondsBanned) }
    guard let current, current.id == verified.id, current.accepts(version: verified.version),
      account == verified.id, self.version == version
    else { return .outdated }
    return nil
  }

  /// Chooses the sessions of an account that end so that one more can start.
  ///
  /// - Parameters:
  ///   - sessions: The account's sessions; the one that started last comes first.
  ///   - maximum: The maximum number of sessions, including the new one.
  ///   - now: The time of the start.
  /// - Returns: The sessions that have expired, and the sessions that end to make room; of the
  ///   latter the one that was unused longest comes first.
  package static func makingRoom(
    in sessions: [Session], maximum: Int, at now: NumericDate
  ) -> (expired: [SessionID], evicted: [SessionID]) {
    let expired = sessions.filter { $0.endsAt <= now }
    // The sort is stable: if two were last used in the same second, the older session ends first.
    let live = sessions.filter { now < $0.endsAt }.sorted { $0.lastUsedAt > $1.lastUsedAt }
    let evicted = live.dropFirst(max(1, maximum) - 1).reversed()
    return (expired.map(\.id), evicted.map(\.id))
  }
}

extension AccountStore {
  /// Creates an account and its first session; returns false if the name is taken.
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

  /// Starts a session for verified credentials.
  ///
  /// If the account would have too many sessions, those that were unused longest end.
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

  /// Stores the new hash, raises the version, ends all sessions, and starts this one.
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
  /// Stores the session, and updates the counters and the known network of the attempt.
  fileprivate func begin(
    _ session: Session, after attempt: Attempt, at now: NumericDate
  ) throws(StoreError) {
    try insert(session)
    try countSuccess(attempt, at: now)
    try remember(attempt.network, of: session.account, at: now)
  }

  /// Stores that an account has logged in from a network.
  ///
  /// An unknown network is not stored. Otherwise the account would know all clients without an
  /// address.
  fileprivate func remember(
    _ network: Network, of account: AccountID, at now: NumericDate
  ) throws(StoreError) {
    guard network != .unknown else { return }
    try storeLogin(of: account, from: network, at: now)
  }
}
