import CSystem
import Configuration
import Glibc
import Launch
import Logging
import System

/// The whole contents of a file; nil if it cannot be read or has more than 64 MiB.
func readFile(_ path: String) -> [UInt8]? {
  try? File.contents(of: path, atMost: 64 << 20, kind: .any)
}

/// Makes a directory that is closed to everybody else, or takes an empty one or one of ours.
///
/// One with the setgid bit stays open to its group, which can enter it and change nothing in it.
///
/// - Throws: `Refused` for another directory, or with what the system said.
func makePrivateDirectory(_ path: String) throws(Refused) {
  guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
    throw Refused(.system(path, "cannot be created"))
  }
  let directory = try Refused.explaining { () throws(FileError) in
    try Descriptor(directory: path)
  }
  guard exists(path + "/keys") || Directory.isEmpty(directory) else {
    throw Refused(line: "\(path) holds something else: name an empty directory or a new one")
  }
  // Whatever the umask or whoever made it: nobody else looks in. Where the mode is right it is not
  // set, because the kernel drops the setgid bit if the owner is not in the group.
  let info = directory.status
  let mode: mode_t = info.isShared ? 0o2750 : 0o700
  guard info.st_mode & 0o7777 == mode || fchmod(directory.number, mode) == 0 else {
    throw Refused(.system(path, "cannot be closed"))
  }
}

/// Takes back a directory in which nothing was made, where the system lets it.
func removeIfEmpty(_ path: String) {
  _ = unsafe rmdir(path)
}

/// Refuses a store of which a file is something else, before anything waits for a FIFO.
///
/// - Throws: `Refused` naming it.
func expectRegularFiles(ofStore path: String) throws(Refused) {
  for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
    var info = stat()
    guard unsafe stat(path + suffix, &info) == 0, !info.isRegular else { continue }
    throw Refused(FileError(path + suffix, "is no regular file"))
  }
}

/// Whether something is at this path.
func exists(_ path: String) -> Bool {
  unsafe access(path, F_OK) == 0
}
