// What becomes of a log that somebody has deleted, or of its index, while programs run.
//
// A small site lives in its log: thousands of commits fit before it is copied into the database. The
// system keeps a deleted file as long as it is open, so the first program that notices copies all of
// it, and makes the files anew. The others find that nothing is left to be done. None of them uses
// the old files again.

import Accounts
import CSQLite
import CSystem
import Glibc
import System
import Threads

extension OpenFiles {
  /// Whether a connection that is of no more use may be closed; what only it holds is saved first.
  ///
  /// - Parameters:
  ///   - connection: The connection; it has no transaction.
  ///   - isPatient: Whether to wait for the write lock.
  /// - Returns: False if it holds what could not be saved yet: keep it, and ask again.
  func mayClose(_ connection: Connection, isPatient: Bool = false) -> Bool {
    // What failed may have failed because of it.
    _ = try? verify(connection)
    let (loss, failure) = state.withLock { ($0.loss, $0.failure) }
    // As long as it is open, programs that start see what this one has seen.
    guard failure == nil else { return false }
    guard let loss, !loss.isSaved else { return true }
    let lock = WriteLock(of: path)
    let isSaved: Bool?
    do throws(StoreError) {
      isSaved =
        isPatient
        ? try lock.hold { held throws(StoreError) in try save(connection, under: held) }
        : try lock.holdIfFree { held throws(StoreError) in try save(connection, under: held) }
    } catch {
      return false
    }
    guard isSaved == true else { return false }
    state.withLock { $0.loss?.isSaved = true }
    settle()
    return true
  }

  private func save(
    _ connection: Connection, under lock: borrowing WriteLock.Held
  ) throws(StoreError) -> Bool {
    let known = state.withLock { $0 }
    let (log, index) = (FileStatus(of: logPath), FileStatus(of: indexPath))
    let isLogInPlace = log.flatMap { log in known.log?.isSameFile(as: log) } ?? false
    // Who opens it reads all of it.
    if isLogInPlace, index != nil { return true }
    if connection.database.logSize() == 0 {
      // Another program may have put it back and gone on with another log, which is lost as well.
      guard WriteLock.record(of: path).map({ $0.log == known.log?.inode }) ?? true else {
        return true
      }
    } else {
      // Somebody else has begun another log: what it says is about another state of the database.
      if !isLogInPlace, let log, log.size > 0 { return false }
      // Pages of this log have no place in another database.
      if case .overwritten = contents(seenBy: connection) {
        state.withLock { $0.failure = overwritten }
        return false
      }
      guard FileStatus(of: path)?.isSameFile(as: file) == true else { return false }
      connection.database.wait(atMost: .seconds(1))
      let code = unsafe sqlite3_wal_checkpoint_v2(
        connection.database.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
      guard code == SQLITE_OK else { return false }
      noteCheckpoint(by: connection, under: lock)
    }
    // They say that nothing is missing. In a directory that is closed to this user, whoever may
    // write there makes them.
    for path in [logPath, indexPath] { make(path) }
    return true
  }

  private func make(_ path: String) {
    let mode = Directory.modeOfFiles(in: Directory.parent(of: path))
    do throws(FileError) {
      let file = try Descriptor(
        regular: path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
      // The umask may have taken the group's share.
      _ = fchmod(file.number, mode)
    } catch {
      return
    }
  }
}
