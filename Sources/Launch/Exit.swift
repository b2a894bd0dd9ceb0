// How a program ends before it serves: one line, and a status that tells a supervisor whether to
// try again: 100 for a wrong setting (no), 111 for a failing system (yes).

import Accounts
import CSystem
import Configuration
import Glibc
import System

/// Ends the program, with one line on standard error where there is something to say.
package func exit(_ status: Int32, _ line: String? = nil) -> Never {
  if let line { writeAll(Array("\(programName()): \(line)\n".utf8), to: 2) }
  Glibc.exit(status)
}

/// The value, or the end of the program with one line that says why there is none.
package func orExit<Value: ~Copyable>(_ value: @autoclosure () throws -> Value) -> Value {
  do {
    return try value()
  } catch {
    let end = ending(after: error)
    exit(end.status, end.line)
  }
}

/// The exit status and the line of a program that an error ends.
package func ending(after error: any Error) -> (status: Int32, line: String) {
  switch error {
  case let error as SettingError: (100, error.line)
  case let error as any LoggableError: (111, error.reason)
  default: (111, "\(error)")
  }
}

extension FileError: LoggableError {}

/// The name the program was started by.
package func programName() -> String {
  let path = CommandLine.arguments.first ?? "tallystick"
  return path.split(separator: "/").last.map(String.init) ?? path
}

/// Keeps everybody but root from reading a core or the memory of this program, which holds keys.
///
/// T230.
package func hideMemory() {
  _ = ts_hide_memory()
}
