// What a store engine does, without a word about how. `Tests/StoreTests` holds the contract suite
// that any engine must pass.

/// What a store cannot do, and why.
package enum StoreError: Error, Equatable, Sendable {
  /// Another writer holds it for longer than a request can wait.
  case busy
  /// No room left on the device.
  case full
  /// It cannot be opened or read: the path and what the system said.
  case unreadable(String)
  /// Its contents contradict themselves.
  case corrupt(String)
  /// It was made by a newer program, or by an older one and not migrated yet.
  case schema(found: Int64, known: Int64)

  /// One line for a log: no values that were stored.
  package var reason: String {
    switch self {
    case .busy: "store is busy"
    case .full: "store is full"
    case .unreadable(let what): "store is unreadable: \(what)"
    case .corrupt(let what): "store is corrupt: \(what)"
    case .schema(let found, let known):
      "store has schema \(found), this program knows \(known)"
    }
  }
}

/// An account with what only the routes that verify a password may see.
package struct Credentials: Equatable, Sendable {
  package let account: Account
  /// A PHC string.
  package let passwordHash: String

  package init(account: Account, passwordHash: String) {
    self.account = account
    self.passwordHash = passwordHash
  }
}

/// A verified refresh token, as it was presented.
package struct Presented: Equatable, Sendable {
  package let session: SessionID
  package let account: AccountID
  package let version: Int64
  package let generation: Int64
  package let issuedAt: NumericDate
  package let isBound: Bool
  package let time: NumericDate
  package let reuseWindow: Duration

  /// - Parameters:
  ///   - session: The token's `sid`.
  ///   - account: The token's `sub`.
  ///   - version: The token's `ver`.
  ///   - generation: The token's `gen`.
  ///   - issuedAt: The token's `iat`.
  ///   - isBound: Whether the companion of this session came with it.
  ///   - time: When it was presented.
  ///   - reuseWindow: How long a confirmed session still answers the token before the live one.
  package init(
    session: SessionID, account: AccountID, version: Int64, generation: Int64,
    issuedAt: NumericDate = NumericDate(seconds: 0), isBound: Bool = true,
    at time: NumericDate, reuseWindow: Duration
  ) {
    self.session = session
    self.account = account
    self.version = version
    self.generation = generation
    self.issuedAt = issuedAt
    self.isBound = isBound
    self.time = time
    self.reuseWindow = reuseWindow
  }
}

/// How presenting a refresh token ended, committed.
package enum RefreshOutcome: Equatable, Sendable {
  /// `rotate`, `keep` or `resend`, and the session as it stands now.
  case granted(Rotation, Standing)
  /// Reuse: the session has been ended.
  case reuse(Standing)
  /// Unknown, expired, outdated or disabled: nothing was touched.
  case refused
  /// The session cannot be read, or what it calls for cannot be written: nothing was touched.
  case failed(StoreError)
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

/// What a password change or a login writes beside the session it starts.
package struct Start: Equatable, Sendable {
  package let session: Session
  /// The attempt that succeeded: its pair counter is cleared, its network remembered.
  package let attempt: Attempt
  /// The credentials that were verified; another version in the store is `outdated`.
  ///
  /// Another hash of the same version is the same password, hashed anew by another login.
  package let verified: Credentials
  /// A new hash to store in place of the verified one, at a login only if that is still there.
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

/// Marks that change when the store does.
package struct StoreMarks: Equatable, Sendable {
  /// Changes with every commit, of any process.
  package let change: UInt64
  /// Rises with every commit that may take a right away.
  ///
  /// An ended session, a raised version, a disabled account, other groups; logins and rotations
  /// leave it alone.
  package let revocations: Int64

  package init(change: UInt64, revocations: Int64) {
    self.change = change
    self.revocations = revocations
  }
}

/// Accounts, sessions and attempts that outlive the process.
///
/// Every method is one transaction: when it returns, what it wrote is on the disk; when it
/// throws, nothing was written. Every read-then-write is atomic over all processes. All methods
/// may be called from any thread.
package protocol AccountStore: Sendable {
  // Reading

  /// The account of this name with its password hash.
  func credentials(named username: Username) throws(StoreError) -> Credentials?
  /// The account of this identifier with its password hash.
  func credentials(of account: AccountID) throws(StoreError) -> Credentials?
  /// A session, expired or not, with its account.
  func standing(of session: SessionID) throws(StoreError) -> Standing?
  /// Sessions with their accounts, read at one moment; those that are not there are left out.
  ///
  /// One that is damaged is a failure of its own, and none of the others'.
  func standings(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<Standing, StoreError>]
  /// The live sessions of an account, the newest first.
  func sessions(of account: AccountID, at now: NumericDate) throws(StoreError) -> [Session]
  /// Accounts by name, those after a given name.
  func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account]
  /// The seconds for which this attempt is banned, or nil.
  ///
  /// A ban on the name alone does not hold for a network from which its account has logged in.
  func secondsBanned(_ attempt: Attempt, at now: NumericDate) throws(StoreError) -> Int64?
  /// All bans in force.
  func bans(at now: NumericDate) throws(StoreError) -> [Ban]
  /// The marks as they stand now: one cheap question for many cached answers.
  func marks() throws(StoreError) -> StoreMarks

  // Signing in

  /// Creates an account and its first session; false if the name is taken.
  func register(
    _ credentials: Credentials, starting session: Session?, network: Network?
  ) throws(StoreError) -> Bool
  /// Starts a session for verified credentials, ending those unused longest beyond the maximum.
  func start(_ start: Start, at now: NumericDate) throws(StoreError) -> StartOutcome
  /// Counts a wrong guess; the seconds of a ban that was in force already, or nil.
  func countFailure(_ attempt: Attempt, at now: NumericDate) throws(StoreError) -> Int64?
  /// Sets `newHash`, raises the version by one, ends every session, starts this one.
  ///
  /// The session given carries the raised version already.
  func changePassword(_ start: Start, at now: NumericDate) throws(StoreError) -> StartOutcome

  // Sessions

  /// Presents refresh tokens, one after the other in one transaction, and stores what the rotation
  /// rule says of each; one that cannot be decided is `failed`, and none of the others'.
  func refresh(_ presented: [Presented]) throws(StoreError) -> [RefreshOutcome]
  /// Notes that access tokens of these generations were seen.
  func confirm(_ seen: [(session: SessionID, generation: Int64)]) throws(StoreError)
  /// Ends a session, of this account only if one is given; false if there is none.
  func endSession(_ session: SessionID, of account: AccountID?) throws(StoreError) -> Bool
  /// Deletes sessions past their end or unused since a date, and spent counters; how many sessions.
  func prune(at now: NumericDate, unusedSince: NumericDate) throws(StoreError) -> Int

  // Accounts

  /// Raises the token version and ends every session; the new version, nil if there is none.
  func revoke(_ account: AccountID) throws(StoreError) -> Int64?
  /// Disables or enables; disabling also revokes. False if there is no such account.
  func setDisabled(_ isDisabled: Bool, account: AccountID) throws(StoreError) -> Bool
  /// Replaces the groups. False if there is no such account.
  func setGroups(_ groups: [Group], account: AccountID) throws(StoreError) -> Bool
  /// Replaces the password hash and revokes. False if there is no such account.
  func setPasswordHash(_ hash: String, account: AccountID) throws(StoreError) -> Bool
  /// Deletes an account and all that belongs to it. False if there is none.
  func delete(_ account: AccountID) throws(StoreError) -> Bool
  /// Lifts bans and clears counters: of a name, of a network, or all; how many were in force.
  func liftBans(
    name: String?, network: String?, at now: NumericDate
  ) throws(StoreError) -> Int
}
