// tallystick: the administrator's command.
//
// Output rules: results on standard output, one line each or JSON with --json; errors on standard
// error, one line, no capital, no full stop. Exit status: 0 done, 1 refused, 100 wrong usage or
// setting, 111 failing system. Passwords come from a prompt or standard input, never from an
// argument: arguments show in the list of processes.

import Configuration
import Launch
import Logging
import Text
import Wire

hideMemory()

let commands =
  setupCommands + initCommands + accountCommands + sessionCommands + deviceCommands + banCommands
  + keyCommands + tokenCommands + configCommands + storeCommands + backupCommands
  + doctorCommands + tryCommands

var words = Array(CommandLine.arguments.dropFirst())
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
