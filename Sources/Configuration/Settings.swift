// What an administrator sets, in environment variables `TALLYSTICK_…`, and per request in
// parameters of the same names: those only nginx can set, a client's headers arrive as `HTTP_…`.
// Secrets and paths come from the environment alone.

import Accounts

/// A wrong setting: the variable, its value, and what is allowed, in one line.
package struct SettingError: Error, Equatable {
  package let variable: String
  package let value: String?
  package let allowed: String

  package init(variable: String, value: String?, allowed: String) {
    self.variable = variable
    self.value = value
    self.allowed = allowed
  }

  /// The line that names the variable, the value and what is allowed.
  package var line: String {
    guard let value else { return "\(variable) is not set: \(allowed)" }
    return "\(variable)=\(quoted(value)) is wrong: \(allowed)"
  }
}

/// Every setting of the contract, checked.
package struct Settings: Equatable, Sendable {
  /// The directory of `tallystick.db` and `keys/`.
  package var state = "/var/lib/tallystick"
  /// The `iss` claim, the only origin whose pages may change state, and the realm.
  package var issuer: Origin
  /// The `aud` claim, and the only accepted audience.
  package var audience: String
  package var accessLifetime = Duration.seconds(15 * 60)
  package var refreshLifetime = Duration.seconds(7 * 86_400)
  package var sessionLifetime = Duration.seconds(90 * 86_400)
  /// How long a session on a shared computer lives after its last refresh.
  package var sharedLifetime = Duration.seconds(15 * 60)
  package var reuseWindow = Duration.seconds(10)
  /// How far clocks may differ when an access token's times are judged.
  package var leeway = Duration.seconds(2)
  package var isRegistrationOpen = false
  /// Code points.
  package var passwordMinimum = 8
  /// Sessions an account may have.
  package var maximumSessions = 100
  package var allowedOrigins: [Origin] = []
  /// The sites that may be handed over to, beside the issuer's own origin.
  package var sites: [SitePattern] = []
  /// How long a gate cookie opens its site.
  package var gateLifetime = Duration.seconds(12 * 3_600)
  package var logLevel = LogLevel.info

  package var database: String { state + "/tallystick.db" }
  package var keys: String { state + "/keys" }
  package var blocklist: String { state + "/blocklist" }

  /// Words of this site that a password must not contain: `auth.example.org` and `example`.
  package var siteNames: [String] {
    let labels = issuer.host.split(separator: ".").map(String.init)
    return [issuer.host] + labels.dropLast().suffix(1)
  }

  /// Reads all settings; it throws the first that is wrong.
  package init(
    environment value: (_ variable: String) -> String?
  ) throws(SettingError) {
    let issuerName = "TALLYSTICK_ISSUER"
    let allowed = "an https origin such as https://auth.example.org"
    guard let text = value(issuerName), !text.isEmpty else {
      throw SettingError(variable: issuerName, value: nil, allowed: allowed)
    }
    guard let issuer = Origin(text) else {
      throw SettingError(variable: issuerName, value: text, allowed: allowed)
    }
    self.issuer = issuer
    audience = issuer.text
    if let path = value("TALLYSTICK_STATE") {
      guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else {
        throw SettingError(
          variable: "TALLYSTICK_STATE", value: path, allowed: "an absolute path")
      }
      state = path
    }
    for setting in Settings.adjustable {
      guard let text = value(setting.variable) else { continue }
      try apply(setting, text)
    }
  }

  /// These settings with what the parameters of one request say.
  ///
  /// The parameters are those that begin with `TALLYSTICK_`. It throws the first that is wrong or
  /// named twice.
  package func overridden(
    by parameters: [(name: String, value: String)]
  ) throws(SettingError) -> Settings {
    var settings = self
    var seen: Set<String> = []
    for (name, text) in parameters {
      guard seen.insert(name).inserted else {
        throw SettingError(variable: name, value: text, allowed: "named once")
      }
      // The audience follows the issuer unless it is set itself, whatever the order.
      if name == "TALLYSTICK_ISSUER" {
        guard let issuer = Origin(text) else {
          throw SettingError(variable: name, value: text, allowed: "an https origin")
        }
        if audience == self.issuer.text, !parameters.contains(where: { $0.name == audienceName }) {
          settings.audience = issuer.text
        }
        settings.issuer = issuer
      } else if let setting = Settings.adjustable.first(where: { $0.variable == name }) {
        try settings.apply(setting, text)
      }
    }
    return settings
  }

  private mutating func apply(_ setting: Setting, _ text: String) throws(SettingError) {
    guard setting.read(text, &self) else {
      throw SettingError(variable: setting.variable, value: text, allowed: setting.allowed)
    }
  }
}

private let audienceName = "TALLYSTICK_AUDIENCE"

/// The text in quotes, control characters escaped, cut to 80 characters.
package func quoted(_ text: String) -> String {
  let shown = text.unicodeScalars.prefix(80).map { scalar in
    scalar.value < 0x20 || scalar.value == 0x7f
      ? "\\u{\(String(scalar.value, radix: 16))}"
      : String(scalar)
  }
  return "\"" + shown.joined() + "\""
}
