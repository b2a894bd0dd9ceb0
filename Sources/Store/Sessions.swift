package import Accounts

extension SQLiteStore {
  package func refresh(
    _ session: SessionID, account: AccountID, version: Int64, presenting generation: Int64,
    at now: NumericDate, reuseWindow: Duration
  ) throws(StoreError) -> RefreshOutcome {
    let presented = Presented(
      session: session, account: account, version: version, generation: generation, at: now,
      reuseWindow: reuseWindow)
    // What needs no write needs no writer: a refusal costs a read, and so do the other tabs.
    let settled = try readers.read { connection throws(StoreError) in
      presented.decide(try connection.standing(of: session)).settled
    }
    if let settled { return settled }
    return try committer.write { connection throws(StoreError) in
      switch presented.decide(try connection.standing(of: session)) {
      case .settled(let outcome):
        return outcome
      case .store(let rotation, let standing):
        try connection.update(standing.session)
        return .granted(rotation, standing)
      case .end(let standing):
        _ = try connection.delete(session)
        try connection.raiseRevocations()
        return .reuse(standing)
      }
    }
  }

  package func confirm(
    _ seen: [(session: SessionID, generation: Int64)]
  ) throws(StoreError) {
    guard !seen.isEmpty else { return }
    try committer.write { connection throws(StoreError) in
      for (session, generation) in seen {
        guard let found = try connection.standing(of: session)?.session,
          let confirmed = found.confirming(generation: generation)
        else { continue }
        try connection.update(confirmed)
      }
    }
  }

  package func endSession(
    _ session: SessionID, of account: AccountID?
  ) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      let isEnded =
        if let account {
          try connection.delete(session, of: account)
        } else {
          try connection.delete(session)
        }
      if isEnded { try connection.raiseRevocations() }
      return isEnded
    }
  }

  package func prune(
    at now: NumericDate, unusedSince: NumericDate
  ) throws(StoreError) -> Int {
    try committer.write { connection throws(StoreError) in
      try connection.pruneAttempts(at: now)
      let ended = try connection.deleteSessions(endedBy: now)
      let unused = try connection.deleteSessions(unusedSince: unusedSince)
      if unused > 0 { try connection.raiseRevocations() }
      return ended + unused
    }
  }
}

/// A verified refresh token, as it was presented.
private struct Presented: Sendable {
  let session: SessionID
  let account: AccountID
  let version: Int64
  let generation: Int64
  let now: NumericDate
  let reuseWindow: Duration

  init(
    session: SessionID, account: AccountID, version: Int64, generation: Int64,
    at now: NumericDate, reuseWindow: Duration
  ) {
    self.session = session
    self.account = account
    self.version = version
    self.generation = generation
    self.now = now
    self.reuseWindow = reuseWindow
  }

  enum Decision {
    /// Nothing to write.
    case settled(RefreshOutcome)
    case store(Rotation, Standing)
    case end(Standing)

    var settled: RefreshOutcome? {
      guard case .settled(let outcome) = self else { return nil }
      return outcome
    }
  }

  /// What the rules say about the session as it stands.
  func decide(_ found: Standing?) -> Decision {
    guard let found, found.honours(account: account, version: version, at: now) else {
      return .settled(.refused)
    }
    let (rotation, next) = found.session.presented(
      generation, at: now, reuseWindow: reuseWindow)
    guard rotation != .reuse else { return .end(found) }
    let standing = Standing(session: next, account: found.account)
    return next == found.session
      ? .settled(.granted(rotation, standing)) : .store(rotation, standing)
  }
}
