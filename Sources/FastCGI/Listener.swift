// The listening socket: inherited as standard input, or opened at a path.
//
// Whoever can write to a FastCGI socket controls every parameter of a request, including the
// client's address. So the socket is always a Unix socket with mode 0660, whatever the umask. Its
// group comes from its directory if that has the setgid bit. If the backlog were smaller than the
// number of nginx's connections, a burst of requests would get 502 immediately.

import CSystem
import Glibc
import System

/// A socket that accepts connections.
///
/// If it was opened at a path, `deinit` unlinks the path, unless another socket has taken its
/// place.
struct Listener: ~Copyable, Sendable {
  static let backlog: Int32 = 1024

  let number: Int32
  /// Whether nobody accepts from this socket after this program has stopped.
  ///
  /// If so, the connections that still wait in the backlog are answered before it stops.
  let isLast: Bool
  private let path: String?
  private let device: dev_t
  private let inode: ino_t

  /// Takes over an inherited listening socket.
  init(inherited number: Int32, isLast: Bool) {
    self.number = number
    self.isLast = isLast
    path = nil
    device = 0
    inode = 0
    setNonBlocking(number)
  }

  /// Opens a socket at a path, and replaces the stale socket of a program that has died.
  ///
  /// - Parameter path: The path. An existing file is replaced only if it is a socket on which
  ///   nobody listens.
  /// - Throws: `SystemError`; `EADDRINUSE` if a program serves that path, `ENOTSOCK` if the file is
  ///   not a socket.
  init(path: String) throws(SystemError) {
    guard var address = sockaddr_un(path: path) else {
      throw SystemError("bind", path, code: ENAMETOOLONG)
    }
    try removeStaleSocket(path, &address)

    let number = socket(AF_UNIX, streamSocket(SOCK_CLOEXEC, SOCK_NONBLOCK), 0)
    guard number >= 0 else { throw SystemError("socket") }
    var status = stat()
    // The mode of the socket limits the mode of its file from the moment of bind, and the umask can
    // only remove bits. chmod sets the final mode before listen.
    guard fchmod(number, 0o600) == 0, bindUnix(number, &address) == 0,
      unsafe chmod(path, 0o660) == 0, unsafe lstat(path, &status) == 0,
      listen(number, Listener.backlog) == 0
    else {
      let error = SystemError("listen at", path)
      _ = close(number)
      throw error
    }
    self.number = number
    isLast = true
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// Unlinks the path, so that nobody can connect any more.
  ///
  /// Connections that wait in the backlog can still be accepted.
  func unlinkPath() {
    guard let path else { return }
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode
    else { return }
    _ = unsafe unlink(path)
  }

  deinit {
    unlinkPath()
    _ = close(number)
  }
}

/// Whether a descriptor is a listening socket.
func isListening(_ number: Int32) -> Bool {
  var value: Int32 = 0
  var size = socklen_t(MemoryLayout<Int32>.size)
  return unsafe getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0
}

private func setNonBlocking(_ number: Int32) {
  let flags = fcntl(number, F_GETFL)
  _ = fcntl(number, F_SETFL, flags | O_NONBLOCK)
}

/// Removes the socket at the path if nobody listens on it.
///
/// Only an attempt to connect can tell the socket of a dead program from that of a live one.
private func removeStaleSocket(_ path: String, _ address: inout sockaddr_un) throws(SystemError) {
  var status = stat()
  guard unsafe lstat(path, &status) == 0 else { return }
  guard status.st_mode & S_IFMT == S_IFSOCK else {
    throw SystemError("listen at", path, code: ENOTSOCK)
  }
  let probe = try opened(
    socket(AF_UNIX, streamSocket(SOCK_CLOEXEC, SOCK_NONBLOCK), 0), "socket")
  guard connectUnix(probe.number, &address) != 0 else {
    throw SystemError("listen at", path, code: EADDRINUSE)
  }
  switch errno {
  case ENOENT: return
  // The backlog is full, so a program is alive.
  case EAGAIN: throw SystemError("listen at", path, code: EADDRINUSE)
  case ECONNREFUSED: break
  default: throw SystemError("connect to", path)
  }
  guard unsafe unlink(path) == 0 || errno == ENOENT else { throw SystemError("unlink", path) }
}

private func streamSocket(_ flags: __socket_type...) -> Int32 {
  Int32(flags.reduce(SOCK_STREAM.rawValue) { $0 | $1.rawValue })
}

extension sockaddr_un {
  /// The address of a path; nil if the path is empty, too long, or contains a NUL.
  init?(path: String) {
    self.init()
    sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else { return nil }
    unsafe withUnsafeMutableBytes(of: &sun_path) { unsafe $0.copyBytes(from: bytes) }
  }
}

func bindUnix(_ number: Int32, _ address: inout sockaddr_un) -> Int32 {
  unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
}

func connectUnix(_ number: Int32, _ address: inout sockaddr_un) -> Int32 {
  unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
}
