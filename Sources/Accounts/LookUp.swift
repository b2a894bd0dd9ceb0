// Reading single rows, each in a transaction of its own.

extension AccountStore {
  /// The account of this name with its password hash.
  package func credentials(named username: Username) throws(StoreError) -> Credentials? {
    try read { rows throws(StoreError) in try rows.credentials(named: username) }
  }

  /// The account of this identifier with its password hash.
  package func credentials(of account: AccountID) throws(StoreError) -> Credentials? {
    try read { rows throws(StoreError) in try rows.credentials(of: account) }
  }

  /// A session, expired or not, with its account.
  package func accountSession(of session: SessionID) throws(StoreError) -> AccountSession? {
    try read { rows throws(StoreError) in try rows.accountSession(of: session) }
  }

  /// The live sessions of an account, the newest first.
  package func sessions(
    of account: AccountID, at now: NumericDate
  ) throws(StoreError) -> [Session] {
    let all = try read { rows throws(StoreError) in try rows.sessions(of: account) }
    // The sort is stable: sessions of one second stay in the order of their insertion.
    return all.filter { now < $0.endsAt }.sorted { $0.createdAt > $1.createdAt }
  }

  /// Accounts by name, those after a given name.
  package func accounts(after name: Username?, limit: Int) throws(StoreError) -> [Account] {
    try read { rows throws(StoreError) in try rows.accounts(after: name, limit: limit) }
  }
}
