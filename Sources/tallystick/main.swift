// tallystick: the administrator's command.
//
// Output rules: results on standard output, one line each or JSON with --json; errors on standard
// error, one line, no capital, no full stop. Exit status: 0 done, 1 refused, 100 wrong usage or
// setting, 111 failing system. Passwords come from a prompt or standard input, never from an
// argument: arguments show in the list of processes.

import Launch

hideMemory()

run(
  Array(CommandLine.arguments.dropFirst()),
  as: setupCommands + initCommands + accountCommands + sessionCommands + deviceCommands
    + banCommands + keyCommands + tokenCommands + configCommands + storeCommands + backupCommands
    + doctorCommands + tryCommands)
