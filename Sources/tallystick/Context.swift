import Accounts
import Configuration
import Launch
import Logging
import Stores
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

  static func store() throws -> any AccountStore {
    let settings = try settings()
    if settings.store == .sqlite { try expectRegularFiles(ofStore: settings.database) }
    return try openStore(settings)
  }

  static func log() -> Log { Log(program: "tallystick", level: .info) }

  /// The account of this name.
  ///
  /// - Throws: `Refused` if there is none.
  static func account(_ name: String, in store: any AccountStore) throws -> Account {
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
