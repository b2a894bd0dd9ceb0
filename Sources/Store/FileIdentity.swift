import Accounts
import CSystem
import Glibc

/// Which file a path named when the store was opened.
///
/// A restored backup is another file under the same name. Connections that are open go on with the
/// old one: they would allow what the new one has revoked, and write where nobody reads. So the
/// program refuses, until it is started again.
struct FileIdentity: Equatable, Sendable {
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Looks at the file.
  ///
  /// - Throws: `unreadable` if there is none.
  init(of path: String) throws(StoreError) {
    var info = stat()
    guard unsafe stat(path, &info) == 0 else {
      throw .unreadable("there is no \(path); `tallystick init` creates it")
    }
    self.path = path
    device = info.st_dev
    inode = info.st_ino
  }

  /// Asks whether the path still names that file.
  ///
  /// - Throws: `unreadable` if it does not.
  func verify() throws(StoreError) {
    guard try FileIdentity(of: path) == self else {
      throw .unreadable("\(path) was replaced: start the programs again")
    }
  }
}
