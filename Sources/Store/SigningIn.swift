package import Accounts

extension SQLiteStore {
  package func register(
    _ credentials: Credentials, starting session: Session?, network: Network?
  ) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      guard try connection.insert(credentials) else { return false }
      let account = credentials.account
      if let session { try connection.insert(session) }
      if let network {
        try connection.remember(network, of: account.id, at: account.createdAt)
      }
      return true
    }
  }

  package func start(_ start: Start, at now: NumericDate) throws(StoreError) -> StartOutcome {
    try committer.write { connection throws(StoreError) in
      if let obstacle = try connection.obstacle(to: start, raisingVersionBy: 0, at: now) {
        return obstacle
      }
      let account = start.verified.account.id
      if let hash = start.newHash {
        try connection.replace(start.verified.passwordHash, with: hash, of: account)
      }
      try connection.begin(start, at: now)
      let evicted = try connection.evictSessions(
        of: account, beyond: start.maximumSessions, keeping: start.session.id, at: now)
      if !evicted.isEmpty { try connection.raiseRevocations() }
      return .started(evicted: evicted)
    }
  }

  package func changePassword(
    _ start: Start, at now: NumericDate
  ) throws(StoreError) -> StartOutcome {
    try committer.write { connection throws(StoreError) in
      if let obstacle = try connection.obstacle(to: start, raisingVersionBy: 1, at: now) {
        return obstacle
      }
      let account = start.verified.account.id
      if let hash = start.newHash { _ = try connection.setPasswordHash(hash, of: account) }
      _ = try connection.revoke(account)
      try connection.begin(start, at: now)
      return .started(evicted: [])
    }
  }

  package func countFailure(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try committer.write { connection throws(StoreError) in
      // Whoever is banned learns nothing from this guess, so it counts against nobody: many at
      // once from one network must not add up to a ban for all the others.
      if let seconds = try connection.secondsBanned(attempt, at: now) { return seconds }
      for key in attempt.keys {
        let counter = AttemptCounter.failing(
          try connection.counter(key), at: now, limit: .of(key.scope))
        try connection.store(counter, for: key)
      }
      return nil
    }
  }

  package func liftBans(
    name: String?, network: String?, at now: NumericDate
  ) throws(StoreError) -> Int {
    let name = name.map { Attempt(presenting: $0, from: .unknown).name }
    return try committer.write { connection throws(StoreError) in
      var lifted = 0
      for (key, counter) in try connection.counters(name: name, network: network) {
        if counter.secondsBanned(at: now, limit: .of(key.scope)) != nil { lifted += 1 }
        try connection.clear(key)
      }
      return lifted
    }
  }
}

extension Connection {
  /// Why no session can be started for what was verified a moment ago, or nil.
  fileprivate func obstacle(
    to start: Start, raisingVersionBy raise: Int64, at now: NumericDate
  ) throws(StoreError) -> StartOutcome? {
    if let seconds = try secondsBanned(start.attempt, at: now) {
      return .banned(seconds: seconds)
    }
    // The version says it all: another password raises it. Another hash of the same version is
    // the same password, hashed anew by a login at the same moment.
    let verified = start.verified.account
    guard let current = try credentials(of: verified.id)?.account,
      current.honours(version: verified.version), start.session.account == verified.id,
      start.session.version == verified.version &+ raise
    else { return .outdated }
    return nil
  }

  /// Starts the session, and notes that the attempt succeeded.
  fileprivate func begin(_ start: Start, at now: NumericDate) throws(StoreError) {
    try insert(start.session)
    for key in start.attempt.keys where key.scope == .pair { try clear(key) }
    try remember(start.attempt.network, of: start.session.account, at: now)
  }
}
