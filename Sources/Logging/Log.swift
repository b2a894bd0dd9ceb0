// The log: lines of JSON on standard error.
//
// Each line is one object with the time, the program, the event and its details. It never contains
// a secret, such as a token, a password, a cookie or a hash. It names accounts by their
// identifiers, and sessions by the first characters of theirs. JSON escapes control characters, so
// a text that a client chose cannot add a line.

package import Configuration
import System
package import Wire

/// Writes the log lines of a program.
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

  /// The same log with another level, because an nginx location may set its own.
  package func at(_ level: LogLevel) -> Log {
    level == self.level ? self : Log(program: program, level: level, repeated: repeated)
  }

  /// Writes one line with one system call.
  ///
  /// - Parameters:
  ///   - level: The level of the event; nothing is written below the level of the log.
  ///   - event: The event.
  ///   - fields: The details; those without a value are left out.
  package func write(
    _ level: LogLevel, _ event: LogEvent, _ fields: KeyValuePairs<String, JSON?> = [:]
  ) {
    guard level >= self.level else { return }
    writeLine(level, event, fields.compactMap { name, value in value.map { (name, $0) } })
  }

  /// Writes one line, unless the same event of the same network was logged within the last second.
  ///
  /// After that second one more line is written, with the number of events that were left out. This
  /// is for events that a stranger can cause at any rate: they must neither fill the disk nor slow
  /// the program down.
  ///
  /// - Parameters:
  ///   - level: The level of the event; nothing is written below the level of the log.
  ///   - event: The event.
  ///   - network: The network that caused the event.
  ///   - fields: The details; those without a value are left out.
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

  /// Writes all outstanding counts; programs call this before they end.
  package func flush() { repeated.flush() }

  private func writeLine(_ level: LogLevel, _ event: LogEvent, _ fields: [(String, JSON)]) {
    let head: [(String, JSON)] = [
      ("time", .string(timestamp(Clock.now()))), ("level", .string(level.rawValue)),
      ("program", .string(program)), ("event", .string(event.rawValue)),
    ]
    writeAll(JSON.object(JSONObject(head + fields)).encode() + [0x0a], to: 2)
  }
}
