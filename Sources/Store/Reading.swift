package import Accounts

extension SQLiteStore {
  package func credentials(named username: Username) throws(StoreError) -> Credentials? {
    try readers.read { connection throws(StoreError) in
      try connection.credentials(named: username)
    }
  }

  package func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    try readers.read { connection throws(StoreError) in
      try connection.credentials(of: account)
    }
  }

  package func standing(of session: SessionID) throws(StoreError) -> Standing? {
    try readers.read { connection throws(StoreError) in
      try connection.standing(of: session)
    }
  }

  package func standings(
    of sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<Standing, StoreError>] {
    guard !sessions.isEmpty else { return [:] }
    do throws(StoreError) {
      return try readers.read { connection throws(StoreError) in
        // One state of the database, whose locks are asked for once.
        try connection.snapshot { () throws(StoreError) in
          var standings: [SessionID: Result<Standing, StoreError>] = [:]
          for session in sessions {
            standings[session] = try connection.standing(of: session).map { .success($0) }
          }
          return standings
        }
      }
    } catch {
      guard case .corrupt = error else { throw error }
      return try standingsApart(sessions)
    }
  }

  /// Reads each session in a transaction of its own: after damage has shown, SQLite ends no
  /// transaction well, and the connection that met it is given up.
  private func standingsApart(
    _ sessions: [SessionID]
  ) throws(StoreError) -> [SessionID: Result<Standing, StoreError>] {
    var standings: [SessionID: Result<Standing, StoreError>] = [:]
    for session in sessions {
      do throws(StoreError) {
        standings[session] = try standing(of: session).map { .success($0) }
      } catch {
        guard case .corrupt = error else { throw error }
        standings[session] = .failure(error)
      }
    }
    return standings
  }

  package func sessions(
    of account: AccountID, at now: NumericDate
  ) throws(StoreError) -> [Session] {
    try readers.read { connection throws(StoreError) in
      try connection.sessions(of: account, at: now)
    }
  }

  package func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    try readers.read { connection throws(StoreError) in
      try connection.accounts(after: name, limit: limit)
    }
  }

  package func secondsBanned(
    _ attempt: Attempt, at now: NumericDate
  ) throws(StoreError) -> Int64? {
    try readers.read { connection throws(StoreError) in
      try connection.snapshot { () throws(StoreError) in
        try connection.secondsBanned(attempt, at: now)
      }
    }
  }

  package func bans(at now: NumericDate) throws(StoreError) -> [Ban] {
    let counters = try readers.read { connection throws(StoreError) in
      try connection.counters()
    }
    return counters.compactMap { key, counter in
      counter.secondsBanned(at: now, limit: .of(key.scope)).map { seconds in
        Ban(key: key, failures: counter.failures, until: now + seconds)
      }
    }
  }
}
