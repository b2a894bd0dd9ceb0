import CSystem
import Glibc
import System

/// What the system says about a file: which one it is, and whether somebody has written to it.
struct FileStatus: Equatable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let modified: Time

  /// Looks at what a path names; nil if that is nothing.
  init?(of path: String) {
    var info = stat()
    guard unsafe stat(path, &info) == 0 else { return nil }
    self.init(info)
  }

  init(_ info: stat) {
    device = UInt64(info.st_dev)
    inode = UInt64(info.st_ino)
    size = Int64(info.st_size)
    modified = Time(info.st_mtim)
  }

  init(device: UInt64, inode: UInt64, size: Int64, modified: Time) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
  }

  /// Like no file that there is.
  static let none = FileStatus(
    device: 0, inode: 0, size: 0, modified: Time(seconds: 0, nanoseconds: 0))

  /// Whether both are of one file, whatever was written to it meanwhile.
  func isSameFile(as other: FileStatus) -> Bool {
    device == other.device && inode == other.inode
  }

  /// The time of a file system's clock, which may tick only every few milliseconds.
  struct Time: Equatable, Sendable {
    let seconds: Int64
    let nanoseconds: Int64

    init(_ time: timespec) {
      seconds = Int64(time.tv_sec)
      nanoseconds = Int64(time.tv_nsec)
    }

    init(seconds: Int64, nanoseconds: Int64) {
      self.seconds = seconds
      self.nanoseconds = nanoseconds
    }

    /// Whether the clock has ticked since, so that no later change has this time.
    var isOver: Bool {
      var now = timespec()
      unsafe clock_gettime(CLOCK_REALTIME, &now)
      return Int64(now.tv_sec) - seconds > 2
    }
  }
}
