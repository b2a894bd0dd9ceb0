import Accounts
import Configuration
import Launch
import Logging
import Stores
import Token
import Wire

let storeCommands = [
  Command(
    path: ["store", "copy"], arguments: ["FROM", "TO"], options: [.json],
    summary: "copy everything into an empty store: sqlite, postgresql (as TALLYSTICK_STORE says)"
      + " or postgresql://…; stop the programs first"
  ) { arguments in
    let from = try storeSettings(arguments.positional[0])
    let to = try storeSettings(arguments.positional[1])
    guard from.store != to.store else { throw Refused(line: "FROM and TO are the same store") }
    let source = try openStore(from)
    if try conditionOfStore(to) != .current { try makeStore(to) }
    let counts: StoreCounts
    do {
      counts = try copyStore(from: source, to: try openStore(to))
    } catch CopyError.targetIsNotEmpty {
      throw Refused(line: "\(to.storeName) is not empty: nothing was copied")
    } catch CopyError.differs(let what) {
      throw Refused(
        status: 111, line: "\(to.storeName) is not a copy: \(what) differs; does a program run?")
    }
    if let exchange = try openKeyExchange(to) {
      // The keys stay in the files of this host; the others can fetch them from now on.
      try SharedKeys(
        directory: KeyDirectory(path: to.keys), exchange: exchange, host: hostNameInStore(to)
      ).start(at: Clock.now())
    }
    Context.note("store copy")
    printTable(
      ["accounts", "sessions", "devices", "known_networks", "counters"],
      [
        [
          .integer(Int64(counts.accounts)), .integer(Int64(counts.sessions)),
          .integer(Int64(counts.devices)),
          .integer(Int64(counts.knownNetworks)), .integer(Int64(counts.counters)),
        ]
      ], asJSON: arguments.has("--json"))
  }
]

/// The settings with the store that a word names.
///
/// - Throws: `Refused` for a URI with a password: arguments show in the list of processes.
private func storeSettings(_ word: String) throws -> Settings {
  var settings = try Context.settings()
  if word == "postgresql" {
    guard settings.store != .sqlite else {
      throw Refused(status: 100, line: "TALLYSTICK_STORE names no server")
    }
    return settings
  }
  guard let store = StoreSetting(word) else {
    throw Refused(status: 100, line: "a store is sqlite, postgresql or postgresql://…")
  }
  guard !store.holdsPassword else {
    throw Refused(
      status: 100, line: "no password belongs in an argument: put the URI in TALLYSTICK_STORE")
  }
  settings.store = store
  if store == .sqlite { try expectRegularFiles(ofStore: settings.database) }
  return settings
}
