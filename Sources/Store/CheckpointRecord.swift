// Whether somebody has written over the database's file, as `cp` does with a backup.
//
// The file stays the same one, so its identity says nothing. But nobody writes to it except
// checkpoints, and each changes the index of the log. So after a checkpoint the lock file is told
// how file and index look. If the file then looks different while the index does not, it was no
// checkpoint. If both look different, a program that does not know the lock, the sqlite3 shell, has
// made a checkpoint, and the next commit of ours tells the lock file.
//
// Nothing is concluded while a checkpoint is under way or has broken off, without a record, or for
// an empty log. A record outlives the programs, and does no harm: when none runs, the index is made
// anew, and nothing is concluded from it before a commit.

import Accounts
import System
import Threads

/// What the lock file says: the database's file and the index of its log, after the last commit or
/// checkpoint of ours.
struct CheckpointRecord: Equatable, Sendable {
  let file: FileStatus
  let progress: LogProgress
  /// The inode of the log that was written.
  let log: UInt64

  /// The bytes in the lock file; the last eight are a checksum, for a reader who comes meanwhile.
  var bytes: [UInt8] {
    let words: [UInt64] = [
      CheckpointRecord.mark, file.device, file.inode, UInt64(bitPattern: file.size),
      UInt64(bitPattern: file.modified.seconds), UInt64(bitPattern: file.modified.nanoseconds),
      progress.salt, UInt64(progress.copied) << 32 | UInt64(progress.begun), log,
    ]
    return (words + [checksum(words)]).flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
  }

  /// Reads what the lock file says; nil if it says nothing, or something else.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == CheckpointRecord.byteCount else { return nil }
    let words = stride(from: 0, to: bytes.count, by: 8).map { start -> UInt64 in
      bytes[start..<start + 8].reversed().reduce(0) { word, byte in word << 8 | UInt64(byte) }
    }
    guard words[0] == CheckpointRecord.mark, words[9] == checksum(words.dropLast()) else {
      return nil
    }
    file = FileStatus(
      device: words[1], inode: words[2], size: Int64(bitPattern: words[3]),
      modified: FileStatus.Time(
        seconds: Int64(bitPattern: words[4]), nanoseconds: Int64(bitPattern: words[5])))
    progress = LogProgress(
      salt: words[6], copied: UInt32(words[7] >> 32), begun: UInt32(truncatingIfNeeded: words[7]))
    log = words[8]
  }

  init(file: FileStatus, progress: LogProgress, log: UInt64) {
    self.file = file
    self.progress = progress
    self.log = log
  }

  static let byteCount = 80
  /// "taly" and the version of this layout.
  private static let mark: UInt64 = 0x7461_6c79_0000_0001
}

/// FNV-1a, word by word.
private func checksum(_ words: some Sequence<UInt64>) -> UInt64 {
  words.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01b3 }
}

extension OpenFiles {
  enum Contents {
    /// As a checkpoint left them.
    case right(FileStatus)
    /// Nothing says otherwise.
    case unclear(FileStatus)
    case overwritten
  }

  /// Asks whether somebody but a checkpoint has written to the database.
  func contents(seenBy connection: Connection) -> Contents {
    let contents = look(connection)
    // Twice, because this stands until the program is started again.
    if case .overwritten = contents { return look(connection) }
    return contents
  }

  private func look(_ connection: Connection) -> Contents {
    // In this order: a checkpoint that begins or ends meanwhile changes the index.
    let before = connection.database.logProgress()
    guard let found = FileStatus(of: path) else { return .unclear(file) }
    guard let before, before.isSettled, !before.isMadeAnew, let record = WriteLock.record(of: path),
      record.file.isSameFile(as: found), record.progress == before,
      connection.database.logProgress() == before
    else { return .unclear(found) }
    return record.file == found ? .right(found) : .overwritten
  }

  /// Tells the lock file what our checkpoint has made of the database.
  func noteCheckpoint(by connection: Connection, under lock: borrowing WriteLock.Held) {
    note(by: connection, isOurs: true, under: lock)
  }

  /// Tells the lock file how the index looks, after a commit that may have begun the log anew.
  func noteProgress(by connection: Connection, under lock: borrowing WriteLock.Held) {
    note(by: connection, isOurs: false, under: lock)
  }

  private func note(
    by connection: Connection, isOurs: Bool, under lock: borrowing WriteLock.Held
  ) {
    // The shell does not know the lock: only if no checkpoint of it ends in between, both belong
    // together.
    let progress = connection.database.logProgress()
    let found = FileStatus(of: path)
    guard let progress, let found, found.isSameFile(as: file),
      connection.database.logProgress() == progress
    else { return }
    let (known, record, log) = state.withLock { ($0.contents, $0.record, $0.log) }
    if !isOurs, found != known, case .overwritten = contents(seenBy: connection) { return }
    guard let log else { return }
    let current = CheckpointRecord(file: found, progress: progress, log: log.inode)
    guard record != current, lock.keep(current) else { return }
    state.withLock { state in
      state.contents = found
      state.record = current
    }
  }
}
