// How a program comes to its requests, and how it ends.
//
// `--socket PATH`, or a listening socket as standard input (systemd, spawn-fcgi), or else one CGI
// request. The option is looked at first: libfcgi's own FCGX_IsCGI asks about descriptor 0 only.

import CSystem
import Glibc
import Threads

/// Exit statuses: a wrong setting will be wrong again, a failing system may recover.
let exitWrongUse: Int32 = 100
let exitSystemFailure: Int32 = 111

/// Serves requests until SIGTERM or SIGINT, or answers one CGI request; then exits with 0.
///
/// - Parameters:
///   - options: How the program is served.
///   - arguments: The command line, the program's own name first.
///   - handler: What answers a request.
package func serve(
  _ options: ServeOptions, arguments: [String], _ handler: @escaping Handler
) -> Never {
  serve(
    options, arguments: arguments,
    together: { requests in requests.map { handler($0).encoded() } })
}

/// Serves requests until SIGTERM or SIGINT, those that came together at once; or answers one CGI
/// request; then exits with 0.
///
/// - Parameters:
///   - options: How the program is served.
///   - arguments: The command line, the program's own name first.
///   - handler: What answers requests that came together.
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
  // A peer that hangs up must cost its connection only.
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

/// Whether a program that is started like this will answer one request from its environment.
package func isGateway(arguments: [String]) -> Bool {
  arguments.count == 1 && !isListening(STDIN_FILENO)
}

/// Prints the help of a program, if the command line asks for it, and ends it.
///
/// For programs that need settings before they can serve: who asks for help has none yet.
package func answerHelp(_ options: ServeOptions, arguments: [String]) {
  guard arguments.dropFirst().contains("--help") else { return }
  writeAll(Array(helpText(options).utf8), to: STDOUT_FILENO)
  exit(0)
}

/// The socket that the command line names or standard input is; nil where this is CGI.
private func listener(for command: ServeCommand) throws(SystemError) -> Listener? {
  if let path = command.socket { return try Listener(path: path) }
  guard isListening(STDIN_FILENO) else { return nil }
  // A process does not outlive the parent that would have stopped it.
  if command.worker != nil { _ = cs_die_with_parent(SIGTERM) }
  return Listener(inherited: STDIN_FILENO, isLast: command.worker == .last)
}

/// Lets SIGTERM and SIGINT stop a server.
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

/// One line on standard error, and the end.
private func leave(_ options: ServeOptions, _ message: String, _ status: Int32) -> Never {
  writeAll(Array("\(options.program): \(message)\n".utf8), to: STDERR_FILENO)
  exit(status)
}
