// Files of the key directory: read whole and small, written whole or not at all.

import CSystem
import Glibc
import System

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
    try explained { () throws(FileError) in
      let bytes = try File.contents(of: path, atMost: 65_536) { status throws(FileError) in
        guard !secret || status.st_mode & 0o077 == 0 else {
          throw FileError(path, "is open to others than its owner: chmod 0400")
        }
      }
      guard !bytes.isEmpty else { throw FileError(path, "is empty") }
      return bytes
    }
  }

  /// Does something while nobody else does the like in this directory.
  ///
  /// - Throws: What `change` throws, and `KeyError` if the directory is not there.
  static func exclusively<Result>(
    in path: String, _ change: () throws(KeyError) -> Result
  ) throws(KeyError) -> Result {
    let directory: Descriptor
    do throws(FileError) {
      directory = try Descriptor(directory: path)
    } catch {
      throw KeyError(error)
    }
    while flock(directory.number, LOCK_EX) != 0 {
      guard errno == EINTR else { throw KeyError(.system(path, "cannot be locked")) }
    }
    return try change()
  }

  /// The result of what uses files, or its error as one of keys.
  static func explained<Result>(
    _ body: () throws(FileError) -> Result
  ) throws(KeyError) -> Result {
    do throws(FileError) {
      return try body()
    } catch {
      throw KeyError(error)
    }
  }
}

extension KeyError {
  fileprivate init(_ error: FileError) {
    self.init(error.reason)
  }
}
