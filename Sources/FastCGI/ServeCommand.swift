// The command line of every route's program.

import Text

/// An invalid command line.
struct UsageError: Error, Equatable {
  let message: String
}

/// The options given on the command line.
struct ServeCommand: Equatable {
  var socket: String?
  var threads: Int?
  var processes = 1
  /// The time without a connection after which the program exits, in seconds.
  var idle: Int?
  /// Set by a supervisor for its workers.
  var worker: Worker?
  var help = false

  enum Worker: String {
    /// The supervisor opened the socket, so nobody else would answer its backlog at the end.
    case last
    /// The supervisor inherited the socket, which others may go on to serve.
    case shared
  }

  /// Parses the arguments after the program's name: `--option value` or `--option=value`.
  init(_ arguments: some Collection<String>) throws(UsageError) {
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first ?? "")
      if argument == "--help" {
        help = true
        continue
      }
      guard ["--socket", "--threads", "--processes", "--idle", "--worker"].contains(name) else {
        throw UsageError(message: "unknown option \(quoted(argument))")
      }
      guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty
      else { throw UsageError(message: "\(name) needs a value") }
      try set(name, value)
    }
    guard idle == nil || (socket == nil && processes == 1) else {
      throw UsageError(message: "--idle is for one process on a socket that it inherits")
    }
  }

  /// The command line of a worker that this process starts.
  func workerArguments(_ program: String) -> [String] {
    let worker: Worker = socket == nil ? .shared : .last
    return [program, "--worker", worker.rawValue]
      + (threads.map { ["--threads", String($0)] } ?? [])
  }

  private mutating func set(_ name: String, _ value: String) throws(UsageError) {
    switch name {
    case "--socket": socket = value
    case "--threads": threads = try number(name, value, 1...1_000)
    case "--processes": processes = try number(name, value, 1...64)
    case "--idle": idle = try number(name, value, 1...86_400)
    default:
      worker = Worker(rawValue: value)
      if worker == nil {
        throw UsageError(message: "--worker \(quoted(value)): not for use by hand")
      }
    }
  }

  private func number(
    _ name: String, _ value: String, _ allowed: ClosedRange<Int>
  ) throws(UsageError) -> Int {
    guard let number = Int(value), allowed.contains(number) else {
      let bounds = "\(allowed.lowerBound) to \(allowed.upperBound)"
      throw UsageError(message: "\(name) \(quoted(value)): a number from \(bounds) is allowed")
    }
    return number
  }
}

func helpText(_ options: ServeOptions) -> String {
  var lines = [
    "usage: \(options.program) [--socket PATH] [OPTION]...",
    "",
    "Serves the FastCGI socket at PATH, or the one it inherits as standard input;",
    "without either it answers one CGI request from its environment.",
    "",
    "  --socket PATH    open this Unix socket with mode 0660, in the place of a dead program's;",
    "                   its group is that of the directory, if that has the setgid bit",
    "  --processes N    so many processes on the socket, started again when they die (1)",
  ]
  if options.kind == .threads {
    lines.append("  --threads N      requests worked on at once by each (\(options.threads))")
  }
  lines += [
    "  --idle SECONDS   exit after this time without a connection, for systemd, which keeps the",
    "                   inherited socket and starts the program for the next request",
    "  --version        the version",
    "  --help           this text",
    "",
    "SIGTERM finishes the requests under way. Exit status: 0, 100 wrong use, 111 failing system.",
  ]
  if !options.help.isEmpty { lines += ["", options.help] }
  return lines.joined(separator: "\n") + "\n"
}
