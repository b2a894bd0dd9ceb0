import Text

/// A setting: its sources, its allowed values, and how it is read and shown.
struct Setting: Sendable {
  enum Source {
    /// The environment, or a parameter of a request, which only nginx can set.
    case anywhere
    /// The environment alone; paths and secrets come from there.
    case environment
  }

  let variable: String
  var source = Source.anywhere
  /// Whether a value may contain a password, so that no message may show it.
  var isSecret = false
  /// The allowed values, for the line that refuses a value.
  let allowed: String
  /// Stores a value; returns false if it is wrong.
  let read: @Sendable (_ text: String, _ settings: inout Settings) -> Bool
  /// Returns the value that is in force, as `config show` prints it.
  let shown: @Sendable (_ settings: Settings) -> String
}

extension Settings {
  /// All settings; a program refuses a variable that is not in this table.
  static let table: [Setting] = [
    Setting(variable: "TALLYSTICK_STATE", source: .environment, allowed: "an absolute path") {
      text, settings in
      settings.state = text
      return text.utf8.first == UInt8(ascii: "/") && !text.utf8.contains(0)
    } shown: {
      $0.state
    },
    Setting(
      variable: issuerVariable, allowed: "an https origin such as https://auth.example.org"
    ) { text, settings in
      guard let issuer = Origin(text) else { return false }
      settings.issuer = issuer
      return true
    } shown: {
      $0.issuer.text
    },
    Setting(variable: "TALLYSTICK_AUDIENCE", allowed: "1 to 255 visible ASCII characters") {
      text, settings in
      settings.audience = text
      return (1...255).contains(text.utf8.count)
        && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    } shown: {
      $0.audience
    },
    duration("TALLYSTICK_ACCESS_LIFETIME", 1...86_400, \.accessLifetime),
    duration("TALLYSTICK_REFRESH_LIFETIME", 1...400 * 86_400, \.refreshLifetime),
    duration("TALLYSTICK_SESSION_LIFETIME", 1...3_660 * 86_400, \.sessionLifetime),
    duration("TALLYSTICK_SHARED_LIFETIME", 60...86_400, \.sharedLifetime),
    duration("TALLYSTICK_REUSE_WINDOW", 0...300, \.reuseWindow),
    duration("TALLYSTICK_LEEWAY", 0...5, \.leeway),
    Setting(variable: "TALLYSTICK_REGISTRATION", allowed: "open or closed") { text, settings in
      settings.isRegistrationOpen = text == "open"
      return text == "open" || text == "closed"
    } shown: {
      $0.isRegistrationOpen ? "open" : "closed"
    },
    number("TALLYSTICK_PASSWORD_MIN", 8...128, \.passwordMinimum),
    number("TALLYSTICK_MAX_SESSIONS", 1...10_000, \.maximumSessions),
    Setting(
      variable: "TALLYSTICK_ALLOWED_ORIGINS",
      allowed: "https origins separated by spaces or commas"
    ) { text, settings in
      let parts = text.split(whereSeparator: { $0 == " " || $0 == "," })
      settings.allowedOrigins = parts.compactMap { Origin(String($0)) }
      return settings.allowedOrigins.count == parts.count
    } shown: {
      $0.allowedOrigins.map(\.text).joined(separator: " ")
    },
    Setting(
      variable: "TALLYSTICK_SITES",
      allowed: "https origins separated by commas; a first label of * stands for any one label"
    ) { text, settings in
      let parts = text.split(whereSeparator: { $0 == " " || $0 == "," })
      let sites = parts.compactMap { SitePattern(String($0)) }
      settings.sites = sites
      return sites.count == parts.count
    } shown: {
      $0.sites.map(\.text).joined(separator: ",")
    },
    duration("TALLYSTICK_GATE_LIFETIME", 60...7 * 86_400, \.gateLifetime),
    Setting(
      variable: "TALLYSTICK_STORE", source: .environment, isSecret: true,
      allowed: "sqlite, or a URI postgresql://…"
    ) { text, settings in
      guard let store = StoreSetting(text) else { return false }
      settings.store = store
      return true
    } shown: {
      $0.store.shown
    },
    duration("TALLYSTICK_CHECK_STALENESS", 0...10, \.checkStaleness, source: .environment),
    Setting(variable: "TALLYSTICK_LOG_LEVEL", allowed: "debug, info, warning or error") {
      text, settings in
      guard let level = LogLevel(rawValue: text) else { return false }
      settings.logLevel = level
      return true
    } shown: {
      $0.logLevel.rawValue
    },
  ]

  /// The names of parameters that are not settings: nginx describes its server or location by them.
  ///
  /// If a program runs as CGI, they are in its environment.
  static let requestVariables: Set = ["TALLYSTICK_SITE", "TALLYSTICK_EMBEDDERS"]

  package static let issuerVariable = "TALLYSTICK_ISSUER"

  /// The table by name, because requests with such parameters look settings up.
  static let settingNamed = Dictionary(uniqueKeysWithValues: table.map { ($0.variable, $0) })

  private static func duration(
    _ variable: String, _ range: ClosedRange<Int64>,
    _ field: any WritableKeyPath<Settings, Duration> & Sendable,
    source: Setting.Source = .anywhere
  ) -> Setting {
    Setting(
      variable: variable, source: source,
      allowed: "a whole number and s, m, h or d, from \(range.lowerBound)s to \(range.upperBound)s"
    ) { text, settings in
      guard let seconds = wholeSeconds(text), range.contains(seconds) else { return false }
      settings[keyPath: field] = .seconds(seconds)
      return true
    } shown: {
      inLargestUnit($0[keyPath: field])
    }
  }

  private static func number(
    _ variable: String, _ range: ClosedRange<Int>,
    _ field: any WritableKeyPath<Settings, Int> & Sendable
  ) -> Setting {
    Setting(
      variable: variable,
      allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)"
    ) { text, settings in
      guard text.utf8.allSatisfy(isDigit), let number = Int(text), range.contains(number)
      else { return false }
      settings[keyPath: field] = number
      return true
    } shown: {
      String($0[keyPath: field])
    }
  }
}

/// The number of seconds in each unit of a duration; the largest unit comes first.
private let units: [(name: Character, seconds: Int64)] = [
  ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
]

/// The number of seconds in a text such as `90s`, `15m`, `12h` or `7d`; nil for any other text.
package func wholeSeconds(_ text: String) -> Int64? {
  let digits = text.utf8.dropLast()
  guard let unit = units.first(where: { $0.name == text.last }), (1...12).contains(digits.count),
    digits.allSatisfy(isDigit), let count = Int64(String(decoding: Array(digits), as: UTF8.self))
  else { return nil }
  return count * unit.seconds
}

/// A duration of whole seconds in the largest unit that fits, as `wholeSeconds` reads it.
private func inLargestUnit(_ duration: Duration) -> String {
  let seconds = duration.components.seconds
  guard seconds != 0, let unit = units.first(where: { seconds.isMultiple(of: $0.seconds) })
  else { return "\(seconds)s" }
  return "\(seconds / unit.seconds)\(unit.name)"
}
