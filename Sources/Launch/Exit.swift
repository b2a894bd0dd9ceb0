// The end of a program that cannot serve: one line, and an exit status for the supervisor.
//
// Status 100 means a wrong setting, so that a restart is useless. Status 111 means that the system
// failed, so that a restart may help.

import Accounts
import CSystem
import Configuration
import Glibc
import System

/// Ends the program, and writes the line, if there is one, to standard error.
package func exit(_ status: Int32, _ line: String? = nil) -> Never {
  if let line { writeAll(Array("\(programName()): \(line)\n".utf8), to: 2) }
  Glibc.exit(status)
}

/// Returns the value; if computing it fails, ends the program with one line.
package func orExit<Value: ~Copyable>(_ value: @autoclosure () throws -> Value) -> Value {
  do {
    return try value()
  } catch {
    let end = ending(after: error)
    exit(end.status, end.line)
  }
}

/// The exit status and the line for a program that ends because of an error.
package func ending(after error: any Error) -> (status: Int32, line: String) {
  switch error {
  case let error as SettingError: (100, error.line)
  case let error as any LoggableError: (111, error.reason)
  default: (111, "\(error)")
  }
}

extension FileError: LoggableError {}

/// The name by which the program was started.
package func programName() -> String {
  let path = CommandLine.arguments.first ?? "tallystick"
  return path.split(separator: "/").last.map(String.init) ?? path
}

/// Makes the memory of this program, which contains keys, readable for root alone.
///
/// The kernel then writes no core file that another user could read. T230.
package func hideMemory() {
  _ = ts_hide_memory()
}
