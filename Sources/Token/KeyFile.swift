// Reads and locks the files of the key directory.

import CSystem
import Glibc
import System

enum KeyFile {
  /// The attributes that distinguish two versions of a file.
  struct Stamp: Equatable, Sendable {
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int
  }

  /// The current stamp of a file; nil if its status cannot be read.
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
  ///   - path: The path of the file.
  ///   - secret: Whether it is an error if anybody but the owner can access the file.
  /// - Returns: The contents.
  /// - Throws: `KeyError`, which names the file.
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

  /// Runs a change while this process holds the lock on the directory.
  ///
  /// - Throws: The error of the change; `KeyError` if the directory cannot be opened or locked.
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

  /// Runs a body that uses files, and converts its error.
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
