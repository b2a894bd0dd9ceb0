// Selects how a program gets its requests, and runs it until it ends.
//
// In this order: `--socket PATH`, a listening socket as standard input (systemd, spawn-fcgi), one
// CGI request. libfcgi's FCGX_IsCGI is not used, because it only looks at descriptor 0.

import CSystem
import Glibc
import System
import Threads

/// Exit statuses.
///
/// After 100 a restart is useless; after 111 the system may have recovered.
let exitWrongUse: Int32 = 100
let exitSystemFailure: Int32 = 111

/// Serves requests until SIGTERM or SIGINT, or answers one CGI request; then exits with 0.
///
/// - Parameters:
///   - options: The options of the responder.
///   - arguments: The command line, starting with the program's name.
///   - handler: The function that answers a request.
package func serve(
  _ options: ServeOptions, arguments: [String], _ handler: @escaping Handler
) -> Never {
  serve(
    options, arguments: arguments,
    together: { requests in requests.map { handler($0).encoded() } })
}

/// Serves requests in batches until SIGTERM or SIGINT, or answers one CGI request; then exits with
/// 0.
///
/// - Parameters:
///   - options: The options of the responder.
///   - arguments: The command line, starting with the program's name.
///   - handler: The function that answers a batch of requests.
package func serve(
  _ options: ServeOptions, arguments: [String], together handler: @escaping BatchHandler
) -> Never {
  var options = options
  let command: ServeCommand
  do throws(UsageError) {
    command = try ServeCommand(arguments.dropFirst())
  } catch {
    leave(options, "\(error.message); see --help", exitWrongUse)
  }
  if command.help {
    writeAll(Array(helpText(options).utf8), to: STDOUT_FILENO)
    exit(0)
  }
  options.threads = command.threads ?? options.threads
  options.exitTimeout = command.idle.map { .seconds($0) }
  // If a peer hangs up, only its connection must end.
  signal(SIGPIPE, SIG_IGN)

  do throws(SystemError) {
    guard let listener = try listener(for: command) else {
      guard unsafe getenv("REQUEST_METHOD") != nil || isatty(STDIN_FILENO) == 0 else {
        leave(options, "no request in the environment and no --socket; see --help", exitWrongUse)
      }
      answerCGI(options, handler)
      exit(0)
    }
    if command.processes > 1 {
      let program = arguments.first ?? options.program
      var supervisor = try Supervisor(
        options, listener: listener, count: command.processes,
        arguments: command.workerArguments(program))
      exit(try supervisor.run())
    }
    let server = try Server(options, listener: listener, handler)
    try stopOnSignals(server)
    options.log(.started(command.socket ?? "inherited socket"))
    releaseStartCode()
    try server.run()
  } catch {
    leave(options, error.message, exitSystemFailure)
  }
  options.log(.stopped)
  exit(0)
}

/// Whether a program with this command line will answer one CGI request.
package func isGateway(arguments: [String]) -> Bool {
  arguments.count == 1 && !isListening(STDIN_FILENO)
}

/// Prints the help or the version and exits, if the command line contains `--help` or `--version`.
///
/// Programs call this before they read their settings, which a user who asks may not have.
package func answerHelp(_ options: ServeOptions, arguments: [String]) {
  let text: String
  if arguments.dropFirst().contains("--help") {
    text = helpText(options)
  } else if arguments.dropFirst().contains("--version") {
    text = "\(options.program) (tallystick) \(options.version)\n"
  } else {
    return
  }
  writeAll(Array(text.utf8), to: STDOUT_FILENO)
  exit(0)
}

/// The socket that the command line names or that is standard input; nil for CGI.
private func listener(for command: ServeCommand) throws(SystemError) -> Listener? {
  if let path = command.socket { return try Listener(path: path) }
  guard isListening(STDIN_FILENO) else { return nil }
  // A worker must not outlive its supervisor, because nobody else would stop it.
  if command.worker != nil { _ = cs_die_with_parent(SIGTERM) }
  return Listener(inherited: STDIN_FILENO, isLast: command.worker == .last)
}

/// Stops the server at SIGTERM or SIGINT.
private func stopOnSignals(_ server: Server) throws(SystemError) {
  let signalled = try catchEndSignals()
  do throws(NoThread) {
    let thread = try startThread(stackSize: 65_536) {
      while !waitForInput(signalled, milliseconds: -1).first {}
      server.stop()
    }
    pthread_detach(thread)
  } catch {
    throw SystemError(error)
  }
  blockEndSignals()
}

/// Writes one line to standard error, and exits.
private func leave(_ options: ServeOptions, _ message: String, _ status: Int32) -> Never {
  writeAll(Array("\(options.program): \(message)\n".utf8), to: STDERR_FILENO)
  exit(status)
}
