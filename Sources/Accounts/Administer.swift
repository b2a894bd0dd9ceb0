// The administrator's changes of accounts, and the rule that says which changes revoke something.

extension Account {
  /// Whether the change from the former account to this one makes its tokens, sessions or cached
  /// decisions invalid.
  ///
  /// Any change of the groups does, also an added group, because cached decisions contain the
  /// groups.
  package func revokes(_ former: Account) -> Bool {
    version != former.version || (isDisabled && !former.isDisabled) || groups != former.groups
  }
}

extension AccountStore {
  /// Raises the token version and ends every session.
  ///
  /// Returns the new version; nil if there is no such account.
  package func revoke(_ account: AccountID) throws(StoreError) -> Int64? {
    try change(account) { former in
      Credentials(account: former.account.withRaisedVersion, passwordHash: former.passwordHash)
    }?.account.version
  }

  /// Raises the token version, ends every session and every device token.
  ///
  /// Returns the number of device tokens; nil if there is no such account.
  package func revokeWithDevices(_ account: AccountID) throws(StoreError) -> Int? {
    try write { rows throws(StoreError) in
      guard let former = try rows.credentials(of: account) else { return nil }
      try rows.replace(
        former,
        by: Credentials(
          account: former.account.withRaisedVersion, passwordHash: former.passwordHash))
      return try rows.deleteDevices(of: account)
    }
  }

  /// Disables or enables an account; disabling also ends its sessions.
  ///
  /// Returns false if there is no such account.
  package func setDisabled(_ isDisabled: Bool, account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      let current = former.account
      return Credentials(
        account: (isDisabled ? current.withRaisedVersion : current).with(isDisabled: isDisabled),
        passwordHash: former.passwordHash)
    } != nil
  }

  /// Replaces the groups of an account.
  ///
  /// Returns false if there is no such account.
  package func setGroups(_ groups: [Group], account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      Credentials(
        account: former.account.with(groups: groups), passwordHash: former.passwordHash)
    } != nil
  }

  /// Replaces the password hash of an account, and ends its sessions.
  ///
  /// Returns false if there is no such account.
  package func setPasswordHash(_ hash: String, account: AccountID) throws(StoreError) -> Bool {
    try change(account) { former in
      Credentials(account: former.account.withRaisedVersion, passwordHash: hash)
    } != nil
  }

  /// Deletes an account and everything that belongs to it.
  ///
  /// Returns false if there is no such account.
  package func delete(_ account: AccountID) throws(StoreError) -> Bool {
    try write { rows throws(StoreError) in
      guard try rows.delete(account) else { return false }
      try rows.noteRevocation(.account(account))
      return true
    }
  }

  /// Replaces an account by the result of the change.
  ///
  /// Returns the new account; nil if there is no such account.
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
  /// Replaces an account.
  ///
  /// If the version changes, all its sessions are deleted. If the change revokes something, that is
  /// noted.
  func replace(_ former: Credentials, by new: Credentials) throws(StoreError) {
    try update(new)
    if new.account.version != former.account.version {
      try deleteSessions(of: former.account.id)
    }
    if new.account.revokes(former.account) { try noteRevocation(.account(former.account.id)) }
  }
}
