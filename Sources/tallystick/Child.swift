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

  /// Runs a program; whatever it says goes to standard error.
  ///
  /// - Parameters:
  ///   - path: The program; without a slash it is looked for in PATH.
  ///   - arguments: Its arguments.
  /// - Returns: The exit status; 128 and the signal's number after a signal.
  /// - Throws: `Refused` with 111 if it cannot be started.
  static func run(_ path: String, _ arguments: [String]) throws(Refused) -> Int32 {
    let nothing = try Spool()
    return wait(
      for: try start(path, arguments, input: nothing.number, output: 2, errors: 2))
  }

  /// Runs a program and keeps what it says, at most 64 MiB.
  ///
  /// - Parameters:
  ///   - path: The program; without a slash it is looked for in PATH.
  ///   - arguments: Its arguments.
  ///   - input: What it reads from standard input.
  /// - Returns: What it said and how it ended.
  /// - Throws: `Refused` with 111 if it cannot be started.
  static func capture(
    _ path: String, _ arguments: [String], input: [UInt8] = []
  ) throws(Refused) -> Result {
    let given = try Spool(input)
    let output = try Spool()
    let errors = try Spool()
    let process = try start(
      path, arguments, input: given.number, output: output.number, errors: errors.number)
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
    _ path: String, _ arguments: [String], input: Int32, output: Int32, errors: Int32
  ) throws(Refused) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (number, standard) in [(input, Int32(0)), (output, 1), (errors, 2)] {
      unsafe posix_spawn_file_actions_adddup2(&actions, number, standard)
    }
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

  init(_ bytes: [UInt8] = []) throws(Refused) {
    let number = unsafe memfd_create("tallystick", ts_memfd_cloexec)
    guard number >= 0 else { throw Refused(.system("memfd", "cannot be created")) }
    let made = Descriptor(owning: number)
    guard writeAll(bytes, to: number), lseek(number, 0, Int32(SEEK_SET)) == 0 else {
      throw Refused(.system("memfd", "cannot be written"))
    }
    file = made
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
