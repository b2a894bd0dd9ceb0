// One JSON object a line on standard error: time, program, event, then what the event is about.
// Never a secret: no token, no password, no cookie, no hash. Accounts and sessions by identifier,
// a session by its first characters. Control characters cannot get out of their string.

package import Configuration
import System
package import Wire

/// Writes log lines of one program.
package struct Log: Sendable {
  package let program: String
  package let level: LogLevel
  private let repeated: RepeatedEvents

  package init(program: String, level: LogLevel) {
    self.init(program: program, level: level, repeated: RepeatedEvents())
  }

  private init(program: String, level: LogLevel, repeated: RepeatedEvents) {
    self.program = program
    self.level = level
    self.repeated = repeated
  }

  /// The same log at another level: a location of nginx may set its own.
  package func at(_ level: LogLevel) -> Log {
    level == self.level ? self : Log(program: program, level: level, repeated: repeated)
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
    writeLine(level, event, fields.compactMap { name, value in value.map { (name, $0) } })
  }

  /// Writes one line, unless the same event from the same network was written within the last
  /// second; what was left out is counted in one line when that second is over.
  ///
  /// For events that a stranger can cause at any rate: the log must neither fill the disk nor slow
  /// the program.
  ///
  /// - Parameters:
  ///   - level: How important it is; below the setting nothing is written.
  ///   - event: What happened.
  ///   - network: The network that caused it.
  ///   - fields: What it is about; nil is left out.
  package func writeLimited(
    _ level: LogLevel, _ event: LogEvent, network: String,
    _ fields: KeyValuePairs<String, JSON?> = [:]
  ) {
    guard level >= self.level else { return }
    let fields: [(String, JSON)] = fields.compactMap { name, value in value.map { (name, $0) } }
    let isFirst = repeated.note("\(event.rawValue) \(network)") { count in
      writeLine(level, event, fields + [("count", .integer(count))])
    }
    if isFirst { writeLine(level, event, fields) }
  }

  /// Writes the counts that are still outstanding, before the program ends.
  package func flush() { repeated.flush() }

  private func writeLine(_ level: LogLevel, _ event: LogEvent, _ fields: [(String, JSON)]) {
    let head: [(String, JSON)] = [
      ("time", .string(timestamp(Clock.now()))), ("level", .string(level.rawValue)),
      ("program", .string(program)), ("event", .string(event.rawValue)),
    ]
    writeAll(JSON.object(JSONObject(head + fields)).encode() + [0x0a], to: 2)
  }
}
