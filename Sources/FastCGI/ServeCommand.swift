// The command line that every program has.

/// A command line that says something unknown.
struct UsageError: Error {
  let message: String
}

/// The options given on the command line.
struct ServeCommand: Equatable {
  var socket: String?
  var threads: Int?
  var help = false

  /// Reads the arguments after the program's name; `--option value` and `--option=value` alike.
  init(_ arguments: some Collection<String>) throws(UsageError) {
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first ?? "")
      if name == "--help", parts.count == 1 {
        help = true
        continue
      }
      guard ServeCommand.names.contains(name) else {
        throw UsageError(message: "unknown option \(quoted(argument))")
      }
      guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty
      else { throw UsageError(message: "\(name) needs a value") }
      try set(name, value)
    }
  }

  private static let names = ["--socket", "--threads"]

  private mutating func set(_ name: String, _ value: String) throws(UsageError) {
    switch name {
    case "--socket": socket = value
    default: threads = try number(name, value, 1...1_000)
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

/// Text from outside on one line of a message.
private func quoted(_ text: String) -> String {
  let visible = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }
  return "'\(String(String.UnicodeScalarView(visible)))'"
}

func helpText(_ options: ServeOptions) -> String {
  let count =
    options.kind == .threads
    ? "  --threads N     requests worked on at once (\(options.threads))\n"
    : ""
  return """
    usage: \(options.program) [--socket PATH]

    Serves the FastCGI socket at PATH, or the one it inherits as standard input;
    without either it answers one CGI request from its environment.

      --socket PATH   open this Unix socket: mode 0660, a dead program's is replaced
    \(count)  --help          this text

    SIGTERM finishes the requests under way. Exit status: 0, 100 wrong use, 111 failing system.
    \(options.help)
    """
}
