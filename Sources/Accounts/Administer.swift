// Changing accounts, and the rule which changes take a right away.

extension Account {
  /// Whether tokens, sessions or remembered answers of the account as it was must not be used any
  /// more, now that it is this one.
  ///
  /// Groups count in either direction: a remembered answer names them.
  package func revokes(_ former: Account) -> Bool {
    version != former.version || (isDisabled && !former.isDisabled) || groups != former.groups
  }
}

extension AccountStore {
  /// Raises the token version and ends every session; the new version, nil if there is none.
  package func revoke(_ account: AccountID) throws(StoreError) -> Int64? {
    try change(account) { former in
      Credentials(account: former.account.withRaisedVersion, passwordHash: former.passwordHash)
    }?.account.version
  }

  /// Disables or enables; disabling also revokes.
  ///
  /// False if there is no such account.
  package func setDisabled(_ isDisabled: Bool, account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      let current = former.account
      return Credentials(
        account: (isDisabled ? current.withRaisedVersion : current).with(isDisabled: isDisabled),
        passwordHash: former.passwordHash)
    } != nil
  }

  /// Replaces the groups.
  ///
  /// False if there is no such account.
  package func setGroups(_ groups: [Group], account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      Credentials(
        account: former.account.with(groups: groups), passwordHash: former.passwordHash)
    } != nil
  }

  /// Replaces the password hash and revokes.
  ///
  /// False if there is no such account.
  package func setPasswordHash(_ hash: String, account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      Credentials(account: former.account.withRaisedVersion, passwordHash: hash)
    } != nil
  }

  /// Deletes an account and all that belongs to it.
  ///
  /// False if there is none.
  package func delete(_ account: AccountID) throws(StoreError) -> Bool {
    try write { rows throws(StoreError) in
      guard try rows.delete(account) else { return false }
      try rows.noteRevocation(.account(account))
      return true
    }
  }

  /// Replaces an account by what the change makes of it; the new one, nil if there is none.
  private func change(
    _ account: AccountID, _ change: @escaping @Sendable (Credentials) -> Credentials
  ) throws(StoreError) -> Credentials? {
    try write { rows throws(StoreError) in
      guard let former = try rows.credentials(of: account) else { return nil }
      let new = change(former)
      try rows.replace(former, by: new)
      return new
    }
  }
}

extension StoreTransaction {
  /// Stores an account in place of what it was: the sessions of another version end, and a right
  /// that is taken away is told.
  func replace(_ former: Credentials, by new: Credentials) throws(StoreError) {
    try update(new)
    if new.account.version != former.account.version {
      try deleteSessions(of: former.account.id)
    }
    if new.account.revokes(former.account) { try noteRevocation(.account(former.account.id)) }
  }
}
