// `tallystick config …`: prints the settings in force, and checks what the programs need to start.

import Accounts
import Configuration
import Launch
import Logging
import PasswordHash
import PasswordLogin
import Token
import Wire

let configCommands = [
  Command(
    path: ["config", "show"], options: [.json], summary: "print every setting as it is in force",
    state: .none
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: true)
    printTable(
      ["variable", "value"], settings.rows.map { [.string($0), .string($1)] },
      asJSON: arguments.has("--json"))
  },
  Command(
    path: ["config", "check"], summary: "check the settings, the keys, the store and the blocklist"
  ) { _ in
    let settings = try Context.settings(issuerNeeded: true)
    try KeyStore(directory: settings.keys, signing: true).prove()
    _ = try Context.store().revocationMark()
    try Blocklist(at: settings.blocklist).verify()
    printLine("ok")
  },
]
