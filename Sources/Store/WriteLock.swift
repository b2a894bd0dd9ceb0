import Accounts
import CSystem
import Glibc
import System

/// The lock file beside a database: every write transaction and every checkpoint of every process
/// runs under it.
///
/// It queues writers where SQLite would poll, and it keeps a checkpoint from racing a commit that
/// resets the log, which corrupts the database before SQLite 3.51.3. One thread at a time.
final class WriteLock {
  private let database: String
  private let path: String
  private var descriptor: Int32 = -1

  /// Names the lock of a database; the file is opened when it is first held.
  init(of database: String) {
    self.database = database
    path = database + ".lock"
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Proof that the lock is held: what writes takes it as an argument, so that it cannot be
  /// called without.
  struct Held: ~Copyable {
    private let descriptor: Int32

    fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Keeps a record in the lock file, and tells whether that was possible.
    func keep(_ record: CheckpointRecord) -> Bool {
      let bytes = record.bytes
      return unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
    }
  }

  /// Waits for the lock, behind the processes that came before, and holds it meanwhile.
  ///
  /// - Parameter body: What is done under the lock.
  /// - Returns: What the body returned.
  /// - Throws: What the body threw; `unreadable` if the file can be neither opened nor locked.
  func hold<T>(
    _ body: (borrowing Held) throws(StoreError) -> T
  ) throws(StoreError) -> T {
    _ = try acquire(LOCK_EX)
    defer { flock(descriptor, LOCK_UN) }
    return try body(Held(descriptor))
  }

  /// Does the same without waiting.
  ///
  /// - Returns: What the body returned; nil if somebody else holds the lock.
  func holdIfFree<T>(
    _ body: (borrowing Held) throws(StoreError) -> T
  ) throws(StoreError) -> T? {
    guard try acquire(LOCK_EX | LOCK_NB) else { return nil }
    defer { flock(descriptor, LOCK_UN) }
    return try body(Held(descriptor))
  }

  /// What the lock file of a database says; nil if it says nothing.
  static func record(of database: String) -> CheckpointRecord? {
    let contents = try? File.contents(
      of: database + ".lock", atMost: CheckpointRecord.byteCount)
    return contents.flatMap { CheckpointRecord($0) }
  }

  /// Takes the lock; false if it does not wait and somebody else holds it.
  private func acquire(_ operation: Int32) throws(StoreError) -> Bool {
    while true {
      if descriptor < 0 { descriptor = try open() }
      guard flock(descriptor, operation) == 0 else {
        if errno == EWOULDBLOCK { return false }
        guard errno == EINTR else {
          throw StoreError(.system(path, "cannot be locked"))
        }
        continue
      }
      if isInPlace() { return true }
      // Somebody deleted it: others lock the file that is there now.
      close(descriptor)
      descriptor = -1
    }
  }

  private func open() throws(StoreError) -> Int32 {
    do throws(FileError) {
      let mode = Directory.modeOfFiles(in: Directory.parent(of: path))
      let file = try Descriptor(
        regular: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: mode, problem: "cannot be opened")
      // The umask may have taken the group's share.
      let info = file.status
      if info.st_uid == geteuid(), info.st_mode & 0o777 != mode { _ = fchmod(file.number, mode) }
      return file.release()
    } catch {
      throw StoreError(error)
    }
  }

  private func isInPlace() -> Bool {
    var held = stat()
    var found = stat()
    guard unsafe fstat(descriptor, &held) == 0, unsafe stat(path, &found) == 0 else {
      return false
    }
    return held.isSameFile(as: found)
  }
}
