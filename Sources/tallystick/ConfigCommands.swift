import Accounts
import Configuration
import Launch
import Logging
import PasswordHash
import PasswordLogin
import Store
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

extension Settings {
  /// Every variable and its value in force.
  fileprivate var rows: [(String, String)] {
    [
      ("TALLYSTICK_STATE", state), ("TALLYSTICK_ISSUER", issuer.text),
      ("TALLYSTICK_AUDIENCE", audience), ("TALLYSTICK_ACCESS_LIFETIME", text(accessLifetime)),
      ("TALLYSTICK_REFRESH_LIFETIME", text(refreshLifetime)),
      ("TALLYSTICK_SESSION_LIFETIME", text(sessionLifetime)),
      ("TALLYSTICK_SHARED_LIFETIME", text(sharedLifetime)),
      ("TALLYSTICK_REUSE_WINDOW", text(reuseWindow)), ("TALLYSTICK_LEEWAY", text(leeway)),
      ("TALLYSTICK_REGISTRATION", isRegistrationOpen ? "open" : "closed"),
      ("TALLYSTICK_PASSWORD_MIN", String(passwordMinimum)),
      ("TALLYSTICK_MAX_SESSIONS", String(maximumSessions)),
      ("TALLYSTICK_ALLOWED_ORIGINS", allowedOrigins.map(\.text).joined(separator: " ")),
      ("TALLYSTICK_SITES", sites.map(\.text).joined(separator: ",")),
      ("TALLYSTICK_GATE_LIFETIME", text(gateLifetime)),
      ("TALLYSTICK_LOG_LEVEL", logLevel.rawValue),
    ]
  }

  /// A duration in its largest whole unit.
  private func text(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    for (unit, size) in [("d", Int64(86_400)), ("h", 3_600), ("m", 60)]
    where seconds != 0 && seconds % size == 0 {
      return "\(seconds / size)\(unit)"
    }
    return "\(seconds)s"
  }
}
