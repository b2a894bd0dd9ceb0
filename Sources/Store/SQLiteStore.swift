package import Accounts

/// Accounts, sessions and attempts in one SQLite file.
///
/// Beside `PATH` lie `PATH-wal` and `PATH-shm`, which belong to it and must be kept with it, and
/// `PATH.lock`, which only has to exist. The file must lie on a local file system.
package final class SQLiteStore: AccountStore, Sendable {
  let readers: Readers
  let committer: Committer
  private let revocationWatch: RevocationWatch

  /// Opens a database that `create` made.
  ///
  /// - Parameters:
  ///   - path: The database file.
  ///   - options: How it waits and groups.
  /// - Throws: `unreadable` where there is none, `schema` for a newer or an older one, `corrupt`
  ///   for a file that is no database of ours. Nothing is ever created or repaired.
  package init(
    at path: String, options: StoreOptions = StoreOptions()
  ) throws(StoreError) {
    let files = try OpenFiles(of: path)
    readers = try Readers(of: files, patience: options.patience)
    revocationWatch = RevocationWatch(of: files, patience: options.patience)
    committer = Committer(of: files, options: options)
    files.whenLost { [weak readers, weak revocationWatch, weak committer] in
      readers?.closeIdle()
      revocationWatch?.closeIdle()
      committer?.closeIdle()
    }
  }

  deinit {
    committer.stop()
  }

  /// Callers that wait to write, for whoever watches the load.
  package var waitingWriters: Int { committer.waiting }

  package func revocationMark() throws(StoreError) -> RevocationMark {
    try revocationWatch.read()
  }
}
