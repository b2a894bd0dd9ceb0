// Begins, commits and checkpoints, always under the write lock (WriteLock.swift).
//
// Committer.swift decides who shares a transaction. T186, T195 and T196 say what must hold here.

import Accounts
import CSQLite

/// The connection that writes, for one committer.
///
/// Whatever it does takes the held lock as proof.
@safe final class Writer {
  let connection: Connection
  private let files: OpenFiles
  private let options: StoreOptions
  /// The pages in the write-ahead log as of the last commit, set by SQLite's hook.
  private let logPages: UnsafeMutablePointer<Int32>
  /// From how many pages on the next checkpoint is worth its cost.
  private var checkpointAt: Int
  private var commits = 0

  init(
    of files: OpenFiles, options: StoreOptions, under lock: borrowing WriteLock.Held
  ) throws(StoreError) {
    self.files = files
    self.options = options
    checkpointAt = options.logPages
    connection = try files.connect(as: .writer, patience: options.patience, isLocked: true)
    // A database restored from `VACUUM INTO` has lost it.
    let mode = try connection.first("PRAGMA journal_mode = WAL") { row throws(StoreError) in
      try row.text(0)
    }
    guard mode == "wal" else { throw .unreadable("\(files.path) cannot have a write-ahead log") }
    // After a burst the log's file shrinks to this when it starts anew.
    let limit = 2 * options.logPages * 4_096
    try connection.database.execute("PRAGMA journal_size_limit = \(limit)")
    unsafe logPages = .allocate(capacity: 1)
    unsafe logPages.initialize(to: 0)
    unsafe sqlite3_wal_hook(
      connection.database.handle,
      { context, _, _, pages in
        unsafe context?.assumingMemoryBound(to: Int32.self).pointee = pages
        return SQLITE_OK
      }, logPages)
  }

  deinit {
    unsafe sqlite3_wal_hook(connection.database.handle, nil, nil)
    unsafe logPages.deallocate()
  }

  /// Begins a write transaction.
  ///
  /// - Parameters:
  ///   - patience: How long to wait for a writer that does not know our lock.
  ///   - lock: Proof that the write lock is held.
  /// - Throws: `busy` if that writer did not end in time.
  func begin(
    within patience: Duration, under lock: borrowing WriteLock.Held
  ) throws(StoreError) {
    connection.database.wait(atMost: patience)
    // Not a plain BEGIN: a read that becomes a write later can fail without waiting.
    try connection.run("BEGIN IMMEDIATE")
    options.observe(.began)
  }

  /// Runs jobs in the transaction and commits them together.
  ///
  /// Each of their transactions has a savepoint: one that throws is undone alone, and one that
  /// brings SQLite's transaction down fails them all.
  ///
  /// - Parameters:
  ///   - jobs: The jobs, which learn how their own transactions ended.
  ///   - lock: Proof that the write lock is held.
  /// - Throws: What failed them all; nothing of any was written.
  func commit(_ jobs: [PendingJob], under lock: borrowing WriteLock.Held) throws(StoreError) {
    do throws(StoreError) {
      for job in jobs {
        for index in 0..<job.count { try run(job, index) }
      }
      try connection.run("COMMIT")
    } catch {
      connection.rollback()
      throw error
    }
    commits += 1
    files.noteProgress(by: connection, under: lock)
    options.observe(.committed(jobs: jobs.count))
  }

  private func run(_ job: PendingJob, _ index: Int) throws(StoreError) {
    try connection.run("SAVEPOINT job")
    do throws(StoreError) {
      try job.run(index, on: connection)
      try connection.run("RELEASE job")
    } catch {
      guard connection.database.isInTransaction else { throw error }
      try connection.run("ROLLBACK TO job")
      try connection.run("RELEASE job")
      job.fail(index, with: error)
    }
  }

  /// Copies the write-ahead log into the database if it has grown over its limit.
  ///
  /// It never fails a commit: what it could not do it tries again later.
  func checkpointIfDue(under lock: borrowing WriteLock.Held) {
    let pages = unsafe Int(logPages.pointee)
    // Of a log that was there when the first program started, the index does not say how far it was
    // copied; so nobody could tell whether the database is overwritten.
    if commits == 1, connection.database.logProgress()?.isSettled == false {
      return checkpoint(under: lock)
    }
    if pages < checkpointAt {
      // The log has started anew, or another process took care of it.
      if pages < options.logPages { checkpointAt = options.logPages }
      return
    }
    checkpoint(under: lock)
  }

  /// Copies the write-ahead log into the database, so that the next commit starts it anew.
  func checkpoint(under lock: borrowing WriteLock.Held) {
    // Pages of this log have no place in a file that somebody has put in the place of the database.
    guard (try? files.verify(connection)) != nil else { return }
    let pages = unsafe Int(logPages.pointee)
    // Long enough for the reads under way, which take microseconds; a reader that stays longer
    // must not hold up the writers.
    connection.database.wait(atMost: .milliseconds(10))
    let code = unsafe sqlite3_wal_checkpoint_v2(
      connection.database.handle, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
    files.noteCheckpoint(by: connection, under: lock)
    if code == SQLITE_OK {
      checkpointAt = options.logPages
      unsafe logPages.pointee = 0
      options.observe(.checkpointed(pages: pages))
    } else {
      checkpointAt = pages + options.logPages
      options.observe(.checkpointHeld(pages: pages))
    }
  }
}
