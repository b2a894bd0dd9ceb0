// `tallystick session …` and `tallystick ban …`: lists and ends sessions and bans.

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import Text
import Wire

let sessionCommands = [
  Command(
    path: ["session", "list"], arguments: ["NAME"], options: [.json],
    summary: "list an account's sessions, the newest first"
  ) { arguments in
    let store = try Context.store()
    let lifetime = try Context.settings().refreshLifetime
    let account = try Context.account(arguments.positional[0], in: store)
    let rows = try store.sessions(of: account.id, at: Clock.now()).map { session -> [JSON] in
      [
        .string(session.id.text), time(session.createdAt), time(session.lastUsedAt),
        time(session.refreshExpiry(lifetime: lifetime)), .integer(session.generation),
        .string(session.address), .string(session.userAgent),
      ]
    }
    printTable(
      [
        "id", "created_at", "last_used_at", "expires_at", "generation", "address", "user_agent",
      ], rows, asJSON: arguments.has("--json"))
  },
  Command(
    path: ["session", "end"], arguments: ["ID"], summary: "end one session, at once"
  ) { arguments in
    let id = arguments.positional[0]
    guard let session = SessionID(id), try Context.store().endSession(session, of: nil) else {
      throw Refused(line: "no session \(quoted(id))")
    }
    Context.note("session end", session: session)
    printLine("ended \(session)")
  },
  Command(
    path: ["session", "prune"], summary: "delete sessions that nothing can continue any more"
  ) { _ in
    let settings = try Context.settings()
    let now = Clock.now()
    // A token issued just before may still be inside its life: nothing alive is pruned.
    let unused = now + -max(settings.refreshLifetime, settings.accessLifetime).components.seconds
    let count = try Context.store().prune(at: now, unusedSince: unused)
    Context.note("session prune")
    printLine("pruned \(count)")
  },
]

let banCommands = [
  Command(
    path: ["ban", "list"], options: [.json], summary: "list the bans in force"
  ) { arguments in
    let rows = try Context.store().bans(at: Clock.now()).map { ban -> [JSON] in
      [
        .string(ban.key.scope.rawValue), .string(ban.key.name), .string(ban.key.network),
        .integer(ban.failures), time(ban.until),
      ]
    }
    printTable(
      ["scope", "name", "network", "failures", "until"], rows, asJSON: arguments.has("--json"))
  },
  Command(
    path: ["ban", "lift"],
    options: [
      Option(name: "--name", value: "NAME", meaning: "those on this name"),
      Option(name: "--address", value: "ADDRESS", meaning: "those on this address's network"),
      Option(name: "--all", meaning: "every ban"),
    ], summary: "lift bans and forget the wrong guesses behind them"
  ) { arguments in
    let name = arguments.options["--name"]
    let address = arguments.options["--address"]
    guard arguments.has("--all") != (name != nil || address != nil) else {
      throw Refused(status: 100, line: "say --all, or --name, --address or both")
    }
    if let name, Username(name) == nil {
      throw Refused(status: 100, line: "\(quoted(name)) is no username")
    }
    let lifted = try Context.store().liftBans(
      name: name.map { asciiLowercased($0) }, network: try address.map(network), at: Clock.now())
    Context.note("ban lift")
    printLine("lifted \(lifted)")
  },
]

/// The network of an address, or one as `ban list` prints it.
private func network(_ text: String) throws(Refused) -> String {
  let isNetwork = text.hasSuffix("/64")
  let found = Network(address: isNetwork ? String(text.dropLast(3)) : text)
  guard found != .unknown || text == Network.unknown.text else {
    throw Refused(status: 100, line: "\(quoted(text)) is no IPv4 or IPv6 address")
  }
  return found.text
}
