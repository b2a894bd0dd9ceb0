// Files of the key directory: read whole and small, written whole or not at all.

import CSystem
import Glibc

enum KeyFile {
  /// What tells one version of a file from another.
  struct Stamp: Equatable, Sendable {
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int
  }

  /// The stamp of a file now; nil if it cannot be looked at.
  static func stamp(_ path: String) -> Stamp? {
    var info = stat()
    guard unsafe stat(path, &info) == 0 else { return nil }
    return Stamp(
      inode: UInt64(info.st_ino), size: Int64(info.st_size), seconds: info.st_ctim.tv_sec,
      nanoseconds: info.st_ctim.tv_nsec)
  }

  /// Reads a file of at most 64 KiB.
  ///
  /// - Parameters:
  ///   - path: Its path.
  ///   - secret: Whether anybody but the owner being able to read it is an error.
  /// - Returns: The contents.
  /// - Throws: `KeyError` naming the file.
  static func read(_ path: String, secret: Bool) throws(KeyError) -> [UInt8] {
    // O_NONBLOCK: opening a FIFO must fail the check below and not wait for a writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(path, "cannot be read") }
    defer { close(descriptor) }
    var info = stat()
    guard unsafe fstat(descriptor, &info) == 0, info.st_mode & 0o170000 == 0o100000 else {
      throw KeyError("\(path) is no regular file")
    }
    guard !secret || info.st_mode & 0o077 == 0 else {
      throw KeyError("\(path) is open to others than its owner: chmod 0400")
    }
    guard info.st_size > 0 else { throw KeyError("\(path) is empty") }
    guard info.st_size <= 65_536 else { throw KeyError("\(path) is larger than 65536 bytes") }
    var bytes = [UInt8](repeating: 0, count: Int(info.st_size))
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
    }
    guard count == bytes.count else { throw failure(path, "cannot be read") }
    return bytes
  }

  /// Writes a file beside its place, makes it durable, and moves it there.
  ///
  /// The mode is exactly the one given, whatever the umask.
  ///
  /// - Throws: `KeyError` naming the file.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(KeyError) {
    let temporary = path + ".new"
    _ = unsafe unlink(temporary)
    let descriptor = unsafe open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure(temporary, "cannot be created") }
    defer { close(descriptor) }
    let count = unsafe bytes.withUnsafeBytes {
      unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
    }
    guard count == bytes.count, fchmod(descriptor, mode) == 0,
      takeOwner(of: parent(path), descriptor), fsync(descriptor) == 0,
      unsafe rename(temporary, path) == 0
    else {
      let error = failure(path, "cannot be written")
      _ = unsafe unlink(temporary)
      throw error
    }
    try synchronize(parent(path))
  }

  /// Makes a directory with exactly this mode, or takes the one that is there.
  ///
  /// - Throws: `KeyError` naming the directory.
  static func makeDirectory(_ path: String, mode: mode_t) throws(KeyError) {
    let isNew = unsafe mkdir(path, mode) == 0
    guard isNew || errno == EEXIST else { throw failure(path, "cannot be created") }
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path, "is no directory") }
    defer { close(descriptor) }
    guard fchmod(descriptor, mode) == 0, !isNew || takeOwner(of: parent(path), descriptor) else {
      throw failure(path, "cannot be created")
    }
  }

  /// Makes renames and removals in a directory durable.
  ///
  /// - Throws: `KeyError` naming the directory.
  static func synchronize(_ directory: String) throws(KeyError) {
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(directory, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(directory, "cannot be synchronized") }
  }

  /// Does something while nobody else does the like in this directory.
  ///
  /// - Throws: What `change` throws, and `KeyError` if the directory is not there.
  static func exclusively<Result>(
    in directory: String, _ change: () throws(KeyError) -> Result
  ) throws(KeyError) -> Result {
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(directory, "cannot be opened") }
    defer { close(descriptor) }
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else { throw failure(directory, "cannot be locked") }
    }
    return try change()
  }

  /// Gives what root makes to the owner of the directory it lies in.
  ///
  /// Otherwise `sudo tallystick key rotate` would leave a key that no program can read.
  private static func takeOwner(of directory: String, _ descriptor: Int32) -> Bool {
    guard geteuid() == 0 else { return true }
    var info = stat()
    return unsafe stat(directory, &info) == 0
      && fchown(descriptor, info.st_uid, info.st_gid) == 0
  }

  private static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func failure(_ path: String, _ what: String) -> KeyError {
    let said = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    return KeyError("\(path) \(what): \(said)")
  }
}
