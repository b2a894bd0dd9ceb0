// Reads of single rows, each in its own transaction.

extension AccountStore {
  /// The account with this name and its password hash, or nil.
  package func credentials(named username: Username) throws(StoreError) -> Credentials? {
    try read { rows throws(StoreError) in try rows.credentials(named: username) }
  }

  /// The account with this identifier and its password hash, or nil.
  package func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    try read { rows throws(StoreError) in try rows.credentials(of: account) }
  }

  /// A session and its account, or nil; an expired session is returned too.
  package func accountSession(of session: SessionID) throws(StoreError) -> AccountSession? {
    try read { rows throws(StoreError) in try rows.accountSession(of: session) }
  }

  /// The live sessions of an account; the newest comes first.
  package func sessions(
    of account: AccountID, at now: NumericDate
  ) throws(StoreError) -> [Session] {
    let all = try read { rows throws(StoreError) in try rows.sessions(of: account) }
    // The sort is stable, so sessions of the same second stay in the order of the store.
    return all.filter { now < $0.endsAt }.sorted { $0.createdAt > $1.createdAt }
  }

  /// At most `limit` accounts in the order of their names, starting after the given name.
  package func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    try read { rows throws(StoreError) in try rows.accounts(after: name, limit: limit) }
  }
}
