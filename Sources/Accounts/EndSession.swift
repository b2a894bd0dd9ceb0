// Ends sessions, and deletes rows that have no effect any more.

extension AccountStore {
  /// Ends a session; if an account is given, only a session of this account.
  ///
  /// Returns false if there is no such session.
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

  /// Deletes sessions that have ended or were last used before a date, counters without effect,
  /// old logins of networks, expired one-time codes and expired device tokens.
  ///
  /// Returns the number of deleted sessions.
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
      // Hosts that follow revocations are never an hour behind.
      try rows.deleteRevocations(before: now + -3_600)
      let ended = try rows.deleteSessions(endingBy: now)
      let unused = try rows.deleteSessions(lastUsedBefore: unusedSince)
      // Sessions that have ended were not valid any more. Unused ones may have been.
      if unused > 0 { try rows.noteRevocation(.anySession) }
      try rows.deleteDevices(endingBy: now)
      return ended + unused
    }
  }
}
