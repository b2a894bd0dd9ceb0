// As root, a command takes on the owner of the state directory before it opens anything there.
//
// Whatever that owner has put in the directory, links, hard links or FIFOs, then leads nowhere
// that the owner could not go without the command, and what the command makes belongs to him.

import CSystem
import Configuration
import Launch
import Glibc
import System
import Text

/// What a command does with the state directory.
enum StateUse {
  /// Nothing.
  case none
  /// It works on what is there.
  case existing
  /// It makes what is not there yet.
  case created
}

/// Who owns the state directory, and the change from root to that user.
enum Owner {
  /// Takes on the owner of the state directory that is there.
  ///
  /// Nothing happens for anybody but root, nor if the directory is root's.
  ///
  /// - Parameter path: The state directory.
  /// - Throws: `Refused` if there is none, or if somebody else than its owner could replace it.
  static func takeOn(of path: String) throws(Refused) {
    guard geteuid() == 0 else { return }
    let way = try StatePath(walking: path)
    guard way.missing == nil else {
      throw Refused(status: 111, line: "there is no \(path); tallystick init creates it")
    }
    try takeOn(way, at: path)
  }

  /// Takes on the owner of a state directory that is made if it is not there.
  ///
  /// A new one belongs to the user who is named; else to the user who owns the directory it lies
  /// in, or one above that, and could replace it anyway; else to root.
  ///
  /// - Parameters:
  ///   - path: The state directory.
  ///   - name: The user that it shall belong to.
  /// - Returns: Whether it was made.
  /// - Throws: `Refused` as above, or if it is there and belongs to somebody else.
  static func takeOnOrMake(of path: String, for name: String?) throws(Refused) -> Bool {
    let wanted = try name.map { name throws(Refused) in try userNumber(name) }
    guard geteuid() == 0 else {
      guard wanted == nil || wanted == geteuid() else {
        throw Refused(line: "only root makes a state for another user")
      }
      return false
    }
    let way = try StatePath(walking: path)
    guard let name = way.missing else {
      let owner = way.directory.status.st_uid
      if let wanted, wanted != owner {
        throw Refused(line: "\(path) belongs to \(userName(owner)), not to \(userName(wanted))")
      }
      try takeOn(way, at: path)
      return false
    }
    let owner = wanted ?? way.rulers.keys.min() ?? 0
    try expect(no: way.rulers, but: owner, at: path)
    try take(on: try make(name, in: way.directory, for: owner, at: path), at: path)
    return true
  }

  private static func make(
    _ name: String, in parent: borrowing Descriptor, for owner: uid_t, at path: String
  ) throws(Refused) -> Descriptor {
    try Refused.explaining { () throws(FileError) in
      guard unsafe mkdirat(parent.number, name, 0o700) == 0 else {
        throw .system(path, "cannot be created")
      }
      let made = try Descriptor(
        unsafe openat(parent.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path,
        "cannot be opened")
      // Somebody may have been quicker: what is given away must be what was just made.
      let info = made.status
      guard info.st_uid == 0, Directory.isEmpty(made) else {
        throw FileError(path, "was replaced while it was made")
      }
      let shared = sharingGroup(of: owner)
      guard fchown(made.number, owner, shared ?? primaryGroup(of: owner) ?? info.st_gid) == 0,
        fchmod(made.number, shared == nil ? 0o700 : 0o2750) == 0, fsync(made.number) == 0
      else { throw .system(path, "cannot be given to \(userName(owner))") }
      return made
    }
  }

  private static func takeOn(_ way: borrowing StatePath, at path: String) throws(Refused) {
    try expect(no: way.rulers, but: way.directory.status.st_uid, at: path)
    try take(on: way.directory, at: path)
  }

  private static func expect(
    no rulers: [uid_t: String], but owner: uid_t, at path: String
  ) throws(Refused) {
    guard let (ruler, owned) = rulers.first(where: { $0.key != owner }) else { return }
    throw Refused(
      line: "\(path) would belong to \(userName(owner)), but \(userName(ruler)), who owns "
        + "\(owned), could replace it")
  }

  private static func take(
    on directory: borrowing Descriptor, at path: String
  ) throws(Refused) {
    let info = directory.status
    guard info.st_uid != 0 else {
      guard info.st_mode & 0o002 == 0, info.st_mode & 0o020 == 0 || info.st_gid == 0 else {
        throw Refused(line: "others than root can write \(path)")
      }
      return
    }
    try become(info.st_uid, group: info.st_gid)
    var reached = stat()
    guard unsafe stat(path, &reached) == 0, unsafe access(path, X_OK) == 0 else {
      throw Refused(
        line: "\(path) is out of reach of \(userName(info.st_uid)), its owner: "
          + systemMessage(errno))
    }
    guard reached.isSameFile(as: info) else { throw Refused(line: "\(path) was replaced just now") }
  }

  /// Becomes a user for good: groups, group, then user.
  private static func become(_ user: uid_t, group: gid_t) throws(Refused) {
    let isKnown: Bool
    if let name = knownName(of: user) {
      let primary = primaryGroup(of: user) ?? group
      isKnown = unsafe initgroups(name, primary) == 0 && setgid(primary) == 0
    } else {
      isKnown = setgroups(0, nil) == 0 && setgid(group) == 0
    }
    guard isKnown, setuid(user) == 0, setuid(0) != 0, geteuid() == user else {
      throw Refused(
        status: 111,
        line: "cannot become \(userName(user)), who owns the state: "
          + systemMessage(errno))
    }
    // The kernel may allow it again for another user.
    hideMemory()
  }
}

/// A user's name, or the number of one that has none.
func userName(_ user: uid_t) -> String { knownName(of: user) ?? "user \(user)" }

private func knownName(of user: uid_t) -> String? {
  guard let entry = unsafe getpwuid(user) else { return nil }
  return unsafe String(cString: entry.pointee.pw_name)
}

private func primaryGroup(of user: uid_t) -> gid_t? {
  guard let entry = unsafe getpwuid(user) else { return nil }
  return unsafe entry.pointee.pw_gid
}

/// Whether there is a user of this name.
func isUser(_ name: String) -> Bool { unsafe getpwnam(name) != nil }

/// The group with which an installed package shares the state; nil for any other owner's.
private func sharingGroup(of owner: uid_t) -> gid_t? {
  guard knownName(of: owner) == "tallystick", let entry = unsafe getgrnam("tallystick-store")
  else { return nil }
  return unsafe entry.pointee.gr_gid
}

private func userNumber(_ name: String) throws(Refused) -> uid_t {
  guard let entry = unsafe getpwnam(name) else {
    throw Refused(line: "there is no user \(quoted(name))")
  }
  return unsafe entry.pointee.pw_uid
}
