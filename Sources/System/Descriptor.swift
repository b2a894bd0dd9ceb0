package import CSystem
import Glibc

/// The descriptor of an open file or directory, which is closed at the end of its lifetime.
package struct Descriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes ownership of the number of an open file.
  package init(owning number: Int32) {
    self.number = number
  }

  /// Takes ownership of the number that `open` or `openat` returned.
  ///
  /// - Parameters:
  ///   - number: The number, which is negative after a failure.
  ///   - path: The path for the error.
  ///   - problem: The problem for the error.
  /// - Throws: `FileError` with `errno` if the number is negative.
  package init(_ number: Int32, _ path: String, _ problem: String) throws(FileError) {
    guard number >= 0 else { throw .system(path, problem) }
    self.number = number
  }

  deinit { close(number) }

  /// Gives up ownership: the caller must close the returned number.
  package consuming func release() -> Int32 {
    let released = number
    discard self
    return released
  }

  /// Opens a regular file.
  ///
  /// Other files are refused without waiting, also a FIFO that nobody writes to.
  ///
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - flags: The flags of `open`; O_CLOEXEC and O_NONBLOCK are added.
  ///   - mode: The mode of a new file, before the umask applies.
  ///   - problem: The problem for the error if the file cannot be opened.
  /// - Throws: `FileError` if the file cannot be opened or is not a regular file.
  package init(
    regular path: String, _ flags: Int32, mode: mode_t = 0, problem: String = "cannot be read"
  ) throws(FileError) {
    let opened = unsafe open(path, flags | O_CLOEXEC | O_NONBLOCK, mode)
    guard opened >= 0 else { throw .system(path, problem) }
    var info = stat()
    guard unsafe fstat(opened, &info) == 0, info.isRegular else {
      close(opened)
      throw FileError(path, "is no regular file")
    }
    number = opened
  }

  /// Opens a directory, to read it or to synchronize it.
  ///
  /// - Throws: `FileError` if it cannot be opened or is not a directory.
  package init(directory path: String, _ flags: Int32 = 0) throws(FileError) {
    try self.init(
      unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags), path, "cannot be opened")
  }

  /// The status of the file.
  ///
  /// The members are zero if `fstat` fails, which does not happen for an open file.
  package var status: stat {
    var info = stat()
    _ = unsafe fstat(number, &info)
    return info
  }
}

extension stat {
  /// Whether this is a regular file, and not a directory, link, FIFO, socket or device.
  package var isRegular: Bool { st_mode & 0o170000 == 0o100000 }

  /// Whether this is a directory.
  package var isDirectory: Bool { st_mode & 0o170000 == 0o040000 }

  /// Whether this is a directory with the setgid bit: shared with its group.
  package var isShared: Bool { isDirectory && st_mode & 0o2000 != 0 }

  /// Whether this is a symbolic link.
  package var isLink: Bool { st_mode & 0o170000 == 0o120000 }

  /// Whether both are of the same file.
  package func isSameFile(as other: stat) -> Bool {
    st_dev == other.st_dev && st_ino == other.st_ino
  }
}
