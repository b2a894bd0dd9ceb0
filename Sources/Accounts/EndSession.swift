// Ending sessions, and deleting rows that say nothing any more.

extension AccountStore {
  /// Ends a session, of this account only if one is given; false if there is none.
  package func endSession(
    _ session: SessionID, of account: AccountID?
  ) throws(StoreError) -> Bool {
    try write { rows throws(StoreError) in
      let isEnded =
        if let account {
          try rows.delete(session, of: account)
        } else {
          try rows.delete(session)
        }
      if isEnded { try rows.noteRevocation(.session(session)) }
      return isEnded
    }
  }

  /// Deletes sessions past their end or unused since a date, spent counters, and networks from
  /// which nobody has logged in for long; how many sessions.
  package func prune(
    at now: NumericDate, unusedSince: NumericDate
  ) throws(StoreError) -> Int {
    try write { rows throws(StoreError) in
      for (key, counter) in try rows.counters(name: nil, network: nil)
      where counter.isSpent(at: now, limit: .of(key.scope)) {
        try rows.deleteCounter(key)
      }
      try rows.deleteLogins(before: Network.oldestKnownLogin(at: now))
      try rows.deleteHandovers(endingBefore: now)
      let ended = try rows.deleteSessions(endingBy: now)
      let unused = try rows.deleteSessions(lastUsedBefore: unusedSince)
      // Sessions past their end gave no rights; those that are only unused did.
      if unused > 0 { try rows.noteRevocation(.anySession) }
      return ended + unused
    }
  }
}
