// The settings of an administrator.
//
// They are environment variables `TALLYSTICK_…`. Parameters of a request with the same names
// override them; only nginx can set those, because a client's headers arrive as `HTTP_…`. Secrets
// and paths come from the environment alone.

/// The settings of the contract's section 6, with valid values.
package struct Settings: Equatable, Sendable {
  /// The beginning of the names of all variables.
  package static let prefix = "TALLYSTICK_"

  /// The directory that contains `tallystick.db` and `keys/`.
  package var state = "/var/lib/tallystick"
  /// The issuer: the `iss` claim, the realm, and the only origin whose pages may change state.
  package var issuer: Origin
  /// The `aud` claim, and the only accepted audience; the issuer by default.
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
  /// The clock difference that is tolerated when the times of an access token are checked.
  package var leeway = Duration.seconds(2)
  package var isRegistrationOpen = false
  /// The minimum length of a password in code points.
  package var passwordMinimum = 8
  /// The maximum number of sessions of an account.
  package var maximumSessions = 100
  package var allowedOrigins: [Origin] = []
  /// The sites that a browser may be led to, besides the issuer's own origin.
  package var sites: [SitePattern] = []
  /// The lifetime of a gate cookie.
  package var gateLifetime = Duration.seconds(12 * 3_600)
  package var logLevel = LogLevel.info
  /// The engine of the store; from the environment alone.
  package var store = StoreSetting.sqlite
  /// The maximum age of what `check` knows of revocations; from the environment alone.
  package var checkStaleness = Duration.zero

  package var database: String { state + "/tallystick.db" }
  package var keys: String { state + "/keys" }
  package var blocklist: String { state + "/blocklist" }

  /// The names of this site that a password must not contain, such as `auth.example.org` and
  /// `example`.
  package var siteNames: [String] {
    let labels = issuer.host.split(separator: ".").map(String.init)
    return [issuer.host] + labels.dropLast().suffix(1)
  }

  /// Reads the settings of a program.
  ///
  /// - Parameter variables: All environment variables whose names begin with `prefix`.
  /// - Throws: An error for the first variable that is unknown, missing, wrong or given twice.
  package init(environment variables: [(name: String, value: String)]) throws(SettingError) {
    // Names are checked first: if a name is misspelt, its setting is also missing.
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
    guard checkStaleness == .zero || store != .sqlite else {
      throw SettingError(
        variable: "TALLYSTICK_CHECK_STALENESS",
        value: variables.first { $0.name == "TALLYSTICK_CHECK_STALENESS" }?.value,
        allowed: "0s with TALLYSTICK_STORE=sqlite")
    }
  }

  /// The settings of a request, whose parameters override these settings.
  ///
  /// Parameters with unknown names are ignored, and so are those of paths and secrets.
  ///
  /// - Parameter parameters: The parameters whose names begin with `prefix`.
  /// - Returns: The settings of the request.
  /// - Throws: An error for the first parameter that is wrong or given twice.
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

  /// All variables and the values that are in force.
  package var rows: [(variable: String, value: String)] {
    Settings.table.map { ($0.variable, $0.shown(self)) }
  }
}
