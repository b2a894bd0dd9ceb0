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

  /// The contents of a file of at most 64 KiB; a secret one must be closed to all but its owner.
  static func read(_ path: String, secret: Bool) throws(KeyError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path, "cannot be read") }
    defer { close(descriptor) }
    var info = stat()
    guard unsafe fstat(descriptor, &info) == 0, info.st_mode & 0o170000 == 0o100000 else {
      throw KeyError("\(path) is no regular file")
    }
    guard !secret || info.st_mode & 0o077 == 0 else {
      throw KeyError("\(path) is open to others than its owner: chmod 0400")
    }
    guard (1...65_536).contains(info.st_size) else {
      throw KeyError("\(path) is empty or too large")
    }
    var bytes = [UInt8](repeating: 0, count: Int(info.st_size))
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
    }
    guard count == bytes.count else { throw failure(path, "cannot be read") }
    return bytes
  }

  /// Writes a file beside its place, makes it durable, and moves it there.
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
    guard count == bytes.count, fchmod(descriptor, mode) == 0, fsync(descriptor) == 0,
      unsafe rename(temporary, path) == 0
    else { throw failure(path, "cannot be written") }
    try synchronize(directoryOf: path)
  }

  /// Makes a directory with exactly this mode, or takes the one that is there.
  static func makeDirectory(_ path: String, mode: mode_t) throws(KeyError) {
    guard unsafe mkdir(path, mode) == 0 || errno == EEXIST, unsafe chmod(path, mode) == 0 else {
      throw failure(path, "cannot be created")
    }
  }

  /// Makes a rename or a removal in the directory of a file durable.
  static func synchronize(directoryOf path: String) throws(KeyError) {
    let directory = path.split(separator: "/").dropLast().joined(separator: "/")
    let descriptor = unsafe open("/" + directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("/" + directory, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("/" + directory, "cannot be synchronized") }
  }

  private static func failure(_ path: String, _ what: String) -> KeyError {
    let said = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    return KeyError("\(path) \(what): \(said)")
  }
}
