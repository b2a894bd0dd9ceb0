// Serves one socket with several processes. The supervisor opens the socket, but serves no
// requests.
//
// The workers are spawned as new programs with the socket as standard input, not forked: the
// supervisor may have opened the database already, and SQLite's connections must not be used after
// fork. Each worker is a complete program that could also run alone.

import CSystem
import Glibc
import System

/// Starts the worker processes of one socket, and restarts them.
struct Supervisor: ~Copyable {
  private struct Worker {
    var process: pid_t = 0
    /// The time of the last start and of the next start, in milliseconds.
    var startedAt = 0
    var startAt = 0
  }

  private let options: ServeOptions
  private let listener: Listener
  private let arguments: [String]
  private var workers: [Worker]
  private let signalled: Int32

  /// Takes over the socket, and handles SIGTERM and SIGINT.
  ///
  /// - Parameters:
  ///   - options: The options of the program, for its name and its log.
  ///   - listener: The socket.
  ///   - count: The number of workers.
  ///   - arguments: The command line of each worker, starting with the program's name.
  /// - Throws: `SystemError` if there is no descriptor left.
  init(
    _ options: ServeOptions, listener: consuming Listener, count: Int, arguments: [String]
  ) throws(SystemError) {
    signalled = try catchEndSignals()
    self.options = options
    self.listener = listener
    self.arguments = arguments
    workers = Array(repeating: Worker(), count: count)
  }

  /// Keeps the workers running until SIGTERM or SIGINT, or until one exits because of its settings.
  ///
  /// A worker that ends for any other reason is restarted, at most once a second.
  ///
  /// - Returns: The exit status for the program.
  /// - Throws: `SystemError` if a worker cannot be started.
  mutating func run() throws(SystemError) -> Int32 {
    while true {
      let now = monotonicMilliseconds()
      for index in workers.indices where workers[index].process == 0 {
        guard workers[index].startAt <= now else { continue }
        workers[index].process = try start()
        workers[index].startedAt = now
      }
      // The other workers serve meanwhile, so looking for dead ones every 200 ms is often enough.
      if waitForInput(signalled, milliseconds: 200).first { return stop(0) }
      if let status = collect(), status == exitWrongUse { return stop(status) }
    }
  }

  /// Reaps the workers that have ended, and schedules their restarts.
  ///
  /// - Returns: The exit status of the last worker that was not killed by a signal, if any.
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

  /// Stops all workers, and waits for their end.
  private mutating func stop(_ status: Int32) -> Int32 {
    listener.unlinkPath()
    for worker in workers where worker.process != 0 { kill(worker.process, SIGTERM) }
    for worker in workers where worker.process != 0 {
      var ignored: Int32 = 0
      while unsafe waitpid(worker.process, &ignored, 0) < 0 && errno == EINTR {}
    }
    return status
  }

  /// Starts a worker: this program with the socket as standard input.
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
    // A worker starts with no blocked signals.
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
