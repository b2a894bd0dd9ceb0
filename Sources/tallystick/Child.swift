import CSystem
import Glibc
import Launch
import System

/// A program that the command runs and waits for.
enum Child {
  /// What a program said and how it ended.
  struct Result {
    /// The exit status; 128 and the signal's number after a signal.
    let status: Int32
    /// Standard output.
    let output: [UInt8]
    /// Standard error.
    let errors: [UInt8]
  }

  /// Runs a program that says what it has to say to the terminal.
  ///
  /// - Parameters:
  ///   - path: The program; without a slash it is looked for in PATH.
  ///   - arguments: Its arguments.
  /// - Returns: The exit status; 128 and the signal's number after a signal.
  /// - Throws: `Refused` with 111 if it cannot be started.
  static func run(_ path: String, _ arguments: [String]) throws(Refused) -> Int32 {
    wait(for: try start(path, arguments, output: nil, errors: nil))
  }

  /// Runs a program and keeps what it says, at most 64 MiB.
  ///
  /// - Throws: `Refused` with 111 if it cannot be started.
  static func capture(_ path: String, _ arguments: [String]) throws(Refused) -> Result {
    let output = try Spool()
    let errors = try Spool()
    let process = try start(path, arguments, output: output.number, errors: errors.number)
    let status = wait(for: process)
    return Result(status: status, output: output.contents(), errors: errors.contents())
  }

  private static func wait(for process: pid_t) -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7f
    return signal == 0 ? status >> 8 & 0xff : 128 + signal
  }

  private static func start(
    _ path: String, _ arguments: [String], output: Int32?, errors: Int32?
  ) throws(Refused) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    if let output { unsafe posix_spawn_file_actions_adddup2(&actions, output, 1) }
    if let errors { unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2) }
    var process: pid_t = 0
    var texts = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
    defer { unsafe texts.forEach { text in unsafe free(text) } }
    let code = unsafe posix_spawnp(&process, path, &actions, nil, &texts, environ)
    guard code == 0 else {
      throw Refused(status: 111, line: "\(path) cannot be started: \(systemMessage(code))")
    }
    return process
  }
}

/// A file without a name, into which a program writes: no pipe that it could fill up.
private struct Spool: ~Copyable {
  private let file: Descriptor

  init() throws(Refused) {
    let number = unsafe memfd_create("tallystick", ts_memfd_cloexec)
    guard number >= 0 else { throw Refused(.system("memfd", "cannot be created")) }
    file = Descriptor(owning: number)
  }

  var number: Int32 { file.number }

  func contents() -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < 64 << 20 {
      let offset = off_t(bytes.count)
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe pread(file.number, $0.baseAddress, $0.count, offset)
      }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes
  }
}
