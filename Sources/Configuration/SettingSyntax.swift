/// One setting that the environment and a request's parameters may give.
struct Setting: Sendable {
  let variable: String
  /// What is allowed, for the line that refuses a value.
  let allowed: String
  /// Stores the value; false if it is wrong.
  let read: @Sendable (_ text: String, _ settings: inout Settings) -> Bool
}

extension Settings {
  /// Every setting but the paths and the issuer.
  static let adjustable: [Setting] = [
    Setting(variable: "TALLYSTICK_AUDIENCE", allowed: "1 to 255 visible ASCII characters") {
      text, settings in
      guard (1...255).contains(text.utf8.count),
        text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
      else { return false }
      settings.audience = text
      return true
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
    },
    number("TALLYSTICK_PASSWORD_MIN", 8...128, \.passwordMinimum),
    number("TALLYSTICK_MAX_SESSIONS", 1...10_000, \.maximumSessions),
    Setting(
      variable: "TALLYSTICK_ALLOWED_ORIGINS",
      allowed: "https origins separated by spaces or commas"
    ) { text, settings in
      let parts = text.split(whereSeparator: { $0 == " " || $0 == "," })
      let origins = parts.compactMap { Origin(String($0)) }
      settings.allowedOrigins = origins
      return origins.count == parts.count
    },
    Setting(
      variable: "TALLYSTICK_SITES",
      allowed: "https origins separated by commas; a first label of * stands for any one label"
    ) { text, settings in
      let parts = text.split(whereSeparator: { $0 == " " || $0 == "," })
      let sites = parts.compactMap { SitePattern(String($0)) }
      settings.sites = sites
      return sites.count == parts.count
    },
    duration("TALLYSTICK_GATE_LIFETIME", 60...7 * 86_400, \.gateLifetime),
    Setting(variable: "TALLYSTICK_LOG_LEVEL", allowed: "debug, info, warning or error") {
      text, settings in
      guard let level = LogLevel(rawValue: text) else { return false }
      settings.logLevel = level
      return true
    },
  ]

  private static func duration(
    _ variable: String, _ range: ClosedRange<Int64>,
    _ field: any WritableKeyPath<Settings, Duration> & Sendable
  ) -> Setting {
    Setting(
      variable: variable,
      allowed: "a whole number and s, m, h or d, from \(range.lowerBound)s to \(range.upperBound)s"
    ) { text, settings in
      guard let seconds = wholeSeconds(text), range.contains(seconds) else { return false }
      settings[keyPath: field] = .seconds(seconds)
      return true
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
    }
  }
}

/// Reads `90s`, `15m`, `12h` or `7d`; nil for anything else.
package func wholeSeconds(_ text: String) -> Int64? {
  let units: [UInt8: Int64] = [
    UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3_600,
    UInt8(ascii: "d"): 86_400,
  ]
  let digits = text.utf8.dropLast()
  guard let last = text.utf8.last, let unit = units[last], (1...12).contains(digits.count),
    digits.allSatisfy(isDigit), let count = Int64(String(decoding: Array(digits), as: UTF8.self))
  else { return nil }
  return count * unit
}
