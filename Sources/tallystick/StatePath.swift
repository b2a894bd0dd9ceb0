// The way to the state directory, for a command that runs as root.
//
// Whoever owns a directory on the way can put another directory or a link in the place of what
// lies in it. So the way is walked one directory at a time, each held open, and the walk notes who
// has a hand in it. Links count only where root alone could have made them.

import CSystem
import Glibc
import System

/// The state directory, or its parent where there is none yet.
struct StatePath: ~Copyable {
  /// The state directory if it exists, else the directory that it shall lie in.
  let directory: Descriptor
  /// The state directory's name if there is none yet.
  let missing: String?
  /// Users other than root who can replace the state directory, with what they own on the way.
  let rulers: [uid_t: String]

  /// Walks an absolute path from the root.
  ///
  /// - Throws: `Refused` with status 1 for a path that somebody unknown could bend, 111 where it
  ///   leads nowhere.
  init(walking path: String) throws(Refused) {
    var walk = try Walk(path)
    while let name = walk.names.popLast() {
      guard try walk.enter(name) else {
        guard walk.names.isEmpty else {
          throw Refused(status: 111, line: "there is no \(walk.shown(name))")
        }
        missing = name
        rulers = walk.rulers
        directory = walk.finish()
        return
      }
    }
    missing = nil
    rulers = walk.rulers
    directory = walk.finish()
  }
}

/// One walk, in the directory that it has come to.
private struct Walk: ~Copyable {
  /// Names still to be entered, the next one last.
  var names: [String]
  var rulers: [uid_t: String] = [:]
  private var current: Descriptor
  private var path = ""
  private var links = 0
  /// Whether nobody but root can have come this far: an owner of what lies below counts for
  /// nothing, because he cannot reach it.
  private var isClosed = false

  init(_ path: String) throws(Refused) {
    names = Walk.names(of: path)
    current = try Walk.root()
  }

  consuming func finish() -> Descriptor { current }

  func shown(_ name: String) -> String { "\(path)/\(name)" }

  /// Enters a directory, or follows a link.
  ///
  /// - Returns: False if there is nothing of this name.
  mutating func enter(_ name: String) throws(Refused) -> Bool {
    let isShared = try judge()
    var info = stat()
    guard unsafe fstatat(current.number, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
      guard errno == ENOENT else { throw Refused(.system(shown(name), "cannot be looked at")) }
      return false
    }
    if info.isLink {
      // In a directory that all can write, another name of a link of root's may be anybody's.
      guard rulers.isEmpty, info.st_uid == 0, !isShared || info.st_nlink == 1 else {
        throw Refused(
          line: "\(shown(name)) is a link that \(userName(rulers.keys.min() ?? info.st_uid)) can "
            + "turn elsewhere: name the directory itself")
      }
      try follow(name)
      return true
    }
    guard info.isDirectory else { throw Refused(line: "\(shown(name)) is no directory") }
    let flags = ts_o_path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    let next = unsafe openat(current.number, name, flags)
    guard next >= 0 else { throw Refused(.system(shown(name), "cannot be opened")) }
    current = Descriptor(owning: next)
    if name == ".." { isClosed = false }
    path += "/" + name
    return true
  }

  /// Notes who can change what lies in the current directory.
  ///
  /// - Returns: Whether everybody can put something there, of which only the owner's stays.
  private mutating func judge() throws(Refused) -> Bool {
    let info = current.status
    let othersWrite = info.st_mode & 0o002 != 0 || info.st_mode & 0o020 != 0 && info.st_gid != 0
    let isSticky = info.st_mode & 0o1000 != 0
    guard !isClosed else { return false }
    if info.st_uid != 0 {
      rulers[info.st_uid] = path
    } else if othersWrite && !isSticky {
      throw Refused(line: "others than root can write \(path.isEmpty ? "/" : path)")
    }
    // A mask of an access list shows in the group's bits.
    if info.st_uid == 0 && info.st_mode & 0o011 == 0 { isClosed = true }
    return othersWrite
  }

  private mutating func follow(_ name: String) throws(Refused) {
    links += 1
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe target.withUnsafeMutableBytes { buffer in
      unsafe buffer.withMemoryRebound(to: CChar.self) { text in
        unsafe text.baseAddress.map { unsafe readlinkat(current.number, name, $0, text.count) } ?? 0
      }
    }
    guard count > 0, count < target.count, links <= 40 else {
      throw Refused(status: 111, line: "\(shown(name)) leads nowhere")
    }
    let text = String(decoding: target[..<count], as: UTF8.self)
    names += Walk.names(of: text)
    guard text.utf8.first == UInt8(ascii: "/") else { return }
    current = try Walk.root()
    path = ""
    isClosed = false
  }

  private static func root() throws(Refused) -> Descriptor {
    let root = unsafe open("/", ts_o_path | O_DIRECTORY | O_CLOEXEC)
    guard root >= 0 else { throw Refused(.system("/", "cannot be opened")) }
    return Descriptor(owning: root)
  }

  private static func names(of path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
  }
}

extension Refused {
  /// A failing system.
  init(_ error: FileError) {
    self.init(status: 111, line: error.reason)
  }

  /// The result of what uses files, or its error as the command's.
  static func explaining<Result: ~Copyable>(
    _ body: () throws(FileError) -> Result
  ) throws(Refused) -> Result {
    do throws(FileError) {
      return try body()
    } catch {
      throw Refused(error)
    }
  }
}
