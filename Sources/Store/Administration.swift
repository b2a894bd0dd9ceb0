package import Accounts

extension SQLiteStore {
  package func revoke(_ account: AccountID) throws(StoreError) -> Int64? {
    try committer.write { connection throws(StoreError) in
      try connection.revoke(account)
    }
  }

  package func setDisabled(_ isDisabled: Bool, account: AccountID) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      guard try connection.setDisabled(isDisabled, of: account) else { return false }
      if isDisabled { _ = try connection.revoke(account) }
      return true
    }
  }

  package func setGroups(_ groups: [Group], account: AccountID) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      guard try connection.setGroups(groups, of: account) else { return false }
      try connection.raiseRevocations()
      return true
    }
  }

  package func setPasswordHash(_ hash: String, account: AccountID) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      guard try connection.setPasswordHash(hash, of: account) else { return false }
      _ = try connection.revoke(account)
      return true
    }
  }

  package func delete(_ account: AccountID) throws(StoreError) -> Bool {
    try committer.write { connection throws(StoreError) in
      guard try connection.deleteAccount(account) else { return false }
      try connection.raiseRevocations()
      return true
    }
  }
}

extension Connection {
  /// Raises the version and ends every session; the new version, nil if there is no account.
  func revoke(_ account: AccountID) throws(StoreError) -> Int64? {
    guard let version = try raiseVersion(of: account) else { return nil }
    try deleteSessions(of: account)
    try raiseRevocations()
    return version
  }
}
