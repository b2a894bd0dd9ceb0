// One JSON object a line on standard error: time, program, event, then what the event is about.
// Never a secret: no token, no password, no cookie, no hash. Accounts and sessions by identifier,
// a session by its first characters. Control characters cannot get out of their string.

import FastCGI
package import Wire

/// How much is logged; security events are `info`.
package enum LogLevel: String, Sendable, Comparable {
  case debug, info, warning, error

  private var rank: Int {
    switch self {
    case .debug: 0
    case .info: 1
    case .warning: 2
    case .error: 3
    }
  }

  package static func < (left: LogLevel, right: LogLevel) -> Bool {
    left.rank < right.rank
  }
}

/// What happened, by the name that stands in the log.
package enum LogEvent: String, Sendable {
  case settingsLoaded = "settings_loaded"
  case stopped = "stopped"
  case registered = "register"
  case registrationRefused = "register_refused"
  case loginSucceeded = "login"
  case loginFailed = "login_failed"
  case loginBanned = "login_banned"
  case refreshed = "refresh"
  case refreshRefused = "refresh_refused"
  case refreshReuse = "refresh_reuse"
  case cookieDuplicate = "cookie_duplicate"
  case loggedOut = "logout"
  case revoked = "revoke"
  case passwordChanged = "password_changed"
  case passwordRefused = "password_refused"
  case sessionEnded = "session_ended"
  case sessionEvicted = "session_evicted"
  case tokenRefused = "token_refused"
  case groupRefused = "group_refused"
  case crossSite = "cross_site"
  case requestRefused = "request_refused"
  case unavailable = "unavailable"
  case failed = "failed"
  case connection = "connection"
  case administered = "administered"
}

/// Writes log lines of one program.
package struct Log: Sendable {
  package let program: String
  package let level: LogLevel

  package init(program: String, level: LogLevel) {
    self.program = program
    self.level = level
  }

  /// Writes one line, in one write.
  ///
  /// - Parameters:
  ///   - level: How important it is; below the setting nothing is written.
  ///   - event: What happened.
  ///   - fields: What it is about; nil is left out.
  package func write(
    _ level: LogLevel, _ event: LogEvent, _ fields: KeyValuePairs<String, JSON?> = [:]
  ) {
    guard level >= self.level else { return }
    var members: [(String, JSON)] = [
      ("time", .string(timestamp(Clock.now()))), ("level", .string(level.rawValue)),
      ("program", .string(program)), ("event", .string(event.rawValue)),
    ]
    for case (let name, let value?) in fields { members.append((name, value)) }
    writeAll(JSON.object(JSONObject(members)).encode() + [0x0a], to: 2)
  }
}
