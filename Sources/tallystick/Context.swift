import Accounts
import Configuration
import Launch
import Logging
import Store
import Text
import Token
import Wire

/// What commands work on, each opened when it is asked for.
enum Context {
  /// The settings; commands that sign or verify nothing do without an issuer.
  static func settings(issuerNeeded: Bool = false) throws(SettingError) -> Settings {
    var variables = environmentVariables(beginning: Settings.prefix)
    if !issuerNeeded, !variables.contains(where: { $0.name == Settings.issuerVariable }) {
      variables.append((Settings.issuerVariable, "https://localhost"))
    }
    return try Settings(environment: variables)
  }

  static func store() throws -> SQLiteStore {
    let path = try settings().database
    try expectRegularFiles(ofStore: path)
    return try SQLiteStore(at: path)
  }

  static func log() -> Log { Log(program: "tallystick", level: .info) }

  /// The account of this name.
  ///
  /// - Throws: `Refused` if there is none.
  static func account(_ name: String, in store: SQLiteStore) throws -> Account {
    guard let username = Username(name), let found = try store.credentials(named: username) else {
      throw Refused(line: "no account \(quoted(name))")
    }
    return found.account
  }

  /// A line in the log for what an administrator changed.
  static func note(_ what: String, account: Account? = nil, session: SessionID? = nil) {
    log().write(
      .info, .administered,
      [
        "action": .string(what), "account": account.map { .string($0.id.text) },
        "username": account.map { .string($0.username.text) },
        "session": session.map { .string($0.prefix) },
      ])
  }
}
