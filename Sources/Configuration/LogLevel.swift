/// The level of an event in the log; security events have the level `info`.
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
