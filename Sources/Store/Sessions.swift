package import Accounts

extension SQLiteStore {
  package func refresh(_ presented: [Presented]) throws(StoreError) -> [RefreshOutcome] {
    // What needs no write needs no writer: a refusal costs a read, and so do the other tabs.
    let standings = try standings(of: presented.map(\.session))
    let settled = presented.map { $0.decide(standings[$0.session]).settled }
    guard settled.contains(nil) else { return settled.compactMap { $0 } }
    do throws(StoreError) {
      return try committer.write { connection throws(StoreError) in
        var outcomes: [RefreshOutcome] = []
        for (presented, settled) in zip(presented, settled) {
          // Each sees what those before it have done. Damage is left alone: it would bring the
          // transaction down.
          if let settled, case .failed = settled {
            outcomes.append(settled)
          } else {
            outcomes.append(try connection.refresh(presented))
          }
        }
        return outcomes
      }
    } catch {
      // Nothing was written; who needs nothing written is answered all the same.
      return settled.map { $0 ?? .failed(error) }
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

extension Connection {
  /// Decides by the session as it stands, and stores what the decision says.
  fileprivate func refresh(_ presented: Presented) throws(StoreError) -> RefreshOutcome {
    switch presented.decide(try standing(of: presented.session).map { .success($0) }) {
    case .settled(let outcome):
      return outcome
    case .store(let rotation, let standing):
      try update(standing.session)
      return .granted(rotation, standing)
    case .end(let standing):
      _ = try delete(presented.session)
      try raiseRevocations()
      return .reuse(standing)
    }
  }
}

extension Presented {
  fileprivate enum Decision {
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
  fileprivate func decide(_ found: Result<Standing, StoreError>?) -> Decision {
    if case .failure(let error) = found { return .settled(.failed(error)) }
    guard case .success(let found) = found,
      found.honours(account: account, version: version, at: time)
    else {
      return .settled(.refused)
    }
    let (rotation, next) = found.session.presented(
      generation, at: time, reuseWindow: reuseWindow)
    guard rotation != .reuse else { return .end(found) }
    let standing = Standing(session: next, account: found.account)
    return next == found.session
      ? .settled(.granted(rotation, standing)) : .store(rotation, standing)
  }
}
