// What an administrator sets, in environment variables `TALLYSTICK_…`, and per request in
// parameters of the same names: those only nginx can set, a client's headers arrive as `HTTP_…`.
// Secrets and paths come from the environment alone.

/// Every setting of the contract, checked.
package struct Settings: Equatable, Sendable {
  /// What the names of all variables begin with.
  package static let prefix = "TALLYSTICK_"

  /// The directory of `tallystick.db` and `keys/`.
  package var state = "/var/lib/tallystick"
  /// The `iss` claim, the only origin whose pages may change state, and the realm.
  package var issuer: Origin
  /// The `aud` claim, and the only accepted audience: the issuer unless it is set.
  package var audience: String {
    get { ownAudience ?? issuer.text }
    set { ownAudience = newValue }
  }
  private var ownAudience: String?
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
  /// The engine of the store; from the environment alone.
  package var store = StoreSetting.sqlite
  /// How old what `check` knows of revocations may be; from the environment alone.
  package var checkStaleness = Duration.zero

  package var database: String { state + "/tallystick.db" }
  package var keys: String { state + "/keys" }
  package var blocklist: String { state + "/blocklist" }

  /// Words of this site that a password must not contain: `auth.example.org` and `example`.
  package var siteNames: [String] {
    let labels = issuer.host.split(separator: ".").map(String.init)
    return [issuer.host] + labels.dropLast().suffix(1)
  }

  /// Reads the settings of a program.
  ///
  /// - Parameter variables: Every variable of the environment that begins with `prefix`.
  /// - Throws: The first variable that has an unknown name, is needed and not set, has a wrong
  ///   value, or is named twice.
  package init(environment variables: [(name: String, value: String)]) throws(SettingError) {
    // First, because a misspelt name is also a setting that is not set.
    for (name, value) in variables
    where Settings.settingNamed[name] == nil && !Settings.requestVariables.contains(name) {
      throw .unknown(name, value, known: Settings.table.map(\.variable))
    }
    let text = variables.first { $0.name == Settings.issuerVariable }?.value ?? ""
    guard let issuer = Origin(text) else {
      throw SettingError(
        variable: Settings.issuerVariable, value: text.isEmpty ? nil : text,
        allowed: Settings.settingNamed[Settings.issuerVariable]?.allowed ?? "")
    }
    self.issuer = issuer
    try apply(variables, from: .environment)
    guard store != .sqlite || checkStaleness == .zero else {
      throw SettingError(
        variable: "TALLYSTICK_CHECK_STALENESS",
        value: variables.first { $0.name == "TALLYSTICK_CHECK_STALENESS" }?.value,
        allowed: "more than 0s only with STORE=postgresql://…")
    }
  }

  /// These settings with what the parameters of one request say.
  ///
  /// Parameters of other names are ignored, as are those that name a path or a secret.
  ///
  /// - Parameter parameters: The parameters that begin with `prefix`.
  /// - Returns: The settings of that request.
  /// - Throws: The first that is wrong or named twice.
  package func overridden(
    by parameters: [(name: String, value: String)]
  ) throws(SettingError) -> Settings {
    var settings = self
    try settings.apply(parameters, from: .anywhere)
    return settings
  }

  private mutating func apply(
    _ variables: [(name: String, value: String)], from source: Setting.Source
  ) throws(SettingError) {
    var seen: Set<String> = []
    for (name, text) in variables {
      guard seen.insert(name).inserted else {
        throw SettingError(variable: name, value: text, allowed: "named once")
      }
      guard let setting = Settings.settingNamed[name],
        source == .environment || setting.source == .anywhere
      else { continue }
      guard setting.read(text, &self) else {
        throw SettingError(
          name, setting.isSecret ? nil : text, .wrong, allowed: setting.allowed)
      }
    }
  }

  /// Every variable and its value in force.
  package var rows: [(variable: String, value: String)] {
    Settings.table.map { ($0.variable, $0.shown(self)) }
  }
}
