import Configuration
import FastCGI
import Glibc
import Launch
import Logging

/// The whole contents of a file; nil if it cannot be read or has more than 64 MiB.
func readFile(_ path: String) -> [UInt8]? {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while bytes.count <= 64 << 20 {
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe read(descriptor, $0.baseAddress, $0.count)
    }
    guard count > 0 else { return count == 0 ? bytes : nil }
    bytes += buffer[..<count]
  }
  return nil
}

/// Writes a file of mode 0600 whole or not at all: beside it first, then in its place.
///
/// - Throws: `Refused` with what the system said.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(Refused) {
  let temporary = path + ".new"
  let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else { throw .system("cannot write \(temporary)") }
  defer { close(descriptor) }
  giveToOwner(ofDirectory: path, descriptor)
  writeAll(bytes, to: descriptor)
  guard fchmod(descriptor, 0o600) == 0, lseek(descriptor, 0, SEEK_END) == off_t(bytes.count),
    fsync(descriptor) == 0, unsafe rename(temporary, path) == 0
  else { throw .system("cannot write \(path)") }
}

/// Makes a directory that is closed to everybody else, or takes an empty one or one of ours.
///
/// - Throws: `Refused` for another directory, or with what the system said.
func makePrivateDirectory(_ path: String) throws(Refused) {
  if unsafe mkdir(path, 0o700) != 0 {
    guard errno == EEXIST else { throw .system("cannot create \(path)") }
    guard exists(path + "/keys") || isEmpty(path) else {
      throw Refused(line: "\(path) holds something else: name an empty directory or a new one")
    }
  }
  // Whatever the umask or whoever made it: nobody but the owner looks in.
  guard unsafe chmod(path, 0o700) == 0 else { throw .system("cannot close \(path)") }
}

private func isEmpty(_ path: String) -> Bool {
  guard let directory = unsafe opendir(path) else { return false }
  defer { unsafe closedir(directory) }
  var count = 0
  while unsafe readdir(directory) != nil { count += 1 }
  return count == 2
}

/// Gives a file to the owner of its directory: root may prepare what a service will use.
private func giveToOwner(ofDirectory path: String, _ descriptor: Int32) {
  var owner = stat()
  let directory = path.split(separator: "/").dropLast().joined(separator: "/")
  guard geteuid() == 0, unsafe stat("/" + directory, &owner) == 0 else { return }
  _ = fchown(descriptor, owner.st_uid, owner.st_gid)
}

extension Refused {
  /// A failing system call: what was tried, and what the system said.
  fileprivate static func system(_ what: String) -> Refused {
    let said = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    return Refused(status: 111, line: "\(what): \(said)")
  }
}

/// Whether something is at this path.
func exists(_ path: String) -> Bool {
  unsafe access(path, F_OK) == 0
}
