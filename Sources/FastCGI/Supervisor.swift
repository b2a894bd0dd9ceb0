// Several processes on one socket: a parent that opens it and serves nothing itself.
//
// The children are started as new programs with the socket as standard input, not forked: by the
// time a program serves, it may have opened a database, and SQLite's connections must not be
// carried across fork. Each child is a whole program that could as well run alone.

import CSystem
import Glibc

/// The parent of several processes that serve one socket.
struct Supervisor: ~Copyable {
  private struct Worker {
    var process: pid_t = 0
    /// When it was started last, and when it is started next, in milliseconds.
    var startedAt = 0
    var startAt = 0
  }

  private let options: ServeOptions
  private let listener: Listener
  private let arguments: [String]
  private var workers: [Worker]
  private let signalled: Int32

  /// Takes the socket over, and SIGTERM and SIGINT.
  ///
  /// - Parameters:
  ///   - options: For the program's name and its log.
  ///   - listener: The socket.
  ///   - count: How many processes.
  ///   - arguments: The command line of each, the program's name first.
  /// - Throws: `SystemError` for want of a descriptor.
  init(
    _ options: ServeOptions, listener: consuming Listener, count: Int, arguments: [String]
  ) throws(SystemError) {
    signalled = try catchEndSignals()
    self.options = options
    self.listener = listener
    self.arguments = arguments
    workers = Array(repeating: Worker(), count: count)
  }

  /// Keeps the processes running until SIGTERM or SIGINT, or until one says that its settings are
  /// wrong.
  ///
  /// A process that ends in any other way is started again, at most once a second.
  ///
  /// - Returns: The exit status.
  /// - Throws: `SystemError` if a process cannot be started at all.
  mutating func run() throws(SystemError) -> Int32 {
    while true {
      let now = monotonicMilliseconds()
      for index in workers.indices where workers[index].process == 0 {
        guard workers[index].startAt <= now else { continue }
        workers[index].process = try start()
        workers[index].startedAt = now
      }
      // The others serve meanwhile, so it is soon enough to look for a dead one now and then.
      if waitForInput(signalled, milliseconds: 200).first { return stop(0) }
      if let status = collect(), status == exitWrongUse { return stop(status) }
    }
  }

  /// Notes which processes have ended.
  ///
  /// - Returns: The exit status of the last one that exited by itself.
  private mutating func collect() -> Int32? {
    var exited: Int32?
    let now = monotonicMilliseconds()
    for index in workers.indices where workers[index].process != 0 {
      var status: Int32 = 0
      guard unsafe waitpid(workers[index].process, &status, WNOHANG) > 0 else { continue }
      let signal = status & 0x7f
      let how = signal != 0 ? "by signal \(signal)" : "with status \(status >> 8 & 0xff)"
      options.log(.refused("process \(workers[index].process) ended \(how)"))
      if signal == 0 { exited = status >> 8 & 0xff }
      workers[index].process = 0
      workers[index].startAt = max(now, workers[index].startedAt + 1_000)
    }
    return exited
  }

  /// Passes the end on, and waits for it.
  private mutating func stop(_ status: Int32) -> Int32 {
    listener.unlinkPath()
    for worker in workers where worker.process != 0 { kill(worker.process, SIGTERM) }
    for worker in workers where worker.process != 0 {
      var ignored: Int32 = 0
      while unsafe waitpid(worker.process, &ignored, 0) < 0 && errno == EINTR {}
    }
    return status
  }

  /// Starts this program once more, with the socket as its standard input.
  private func start() throws(SystemError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_adddup2(&actions, listener.number, STDIN_FILENO)
    // The signals are blocked here; a child begins with none.
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var process: pid_t = 0
    var texts = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { unsafe texts.forEach { text in unsafe free(text) } }
    let code = unsafe posix_spawn(
      &process, "/proc/self/exe", &actions, &attributes, &texts, environ)
    guard code == 0 else { throw SystemError("posix_spawn", code: code) }
    return process
  }
}
