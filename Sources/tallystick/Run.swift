import Launch
import Text
import Wire

/// Runs the command that the arguments name, and ends with its status.
///
/// It is a function, and no code of main.swift: whatever a closure there takes from outside is checked
/// to be on the main thread, and the check alone brings half a megabyte of runtime.
///
/// - Parameters:
///   - arguments: Without the program's name.
///   - commands: All commands.
func run(_ arguments: [String], as commands: [Command]) -> Never {
  var words = arguments
  if words.isEmpty || words[0] == "--help" || words[0] == "help" {
    printLine(Command.overview(commands))
    Launch.exit(words.isEmpty ? 100 : 0)
  }
  if words[0] == "--version" {
    printLine("tallystick \(version)")
    Launch.exit(0)
  }
  // For the manual page and the completion, which are made from the same table.
  if words[0] == "--describe" {
    printLine(String(decoding: Command.description(of: commands).encode(), as: UTF8.self))
    Launch.exit(0)
  }
  guard let command = commands.first(where: { words.starts(with: $0.path) }) else {
    let group = commands.filter { $0.path.first == words[0] }
    if !group.isEmpty, words.count == 1 || words[1] == "--help" {
      printLine(Command.overview(group))
      Launch.exit(words.count == 1 ? 100 : 0)
    }
    Launch.exit(100, "no command \(quoted(words.joined(separator: " "))); see tallystick --help")
  }
  words.removeFirst(command.path.count)
  if words.prefix(while: { $0 != "--" }).contains("--help") {
    printLine(command.help)
    Launch.exit(0)
  }
  Launch.exit(command.execute(words))
}
