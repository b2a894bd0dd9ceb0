// How a program ends before it serves: one line, and a status that tells a supervisor whether to
// try again: 100 for a wrong setting (no), 111 for a failing system (yes).

import Accounts
import CSystem
package import Configuration
import FastCGI
import Glibc

/// Ends the program, with one line on standard error where there is something to say.
package func exit(_ status: Int32, _ line: String? = nil) -> Never {
  if let line { writeAll(Array("\(programName()): \(line)\n".utf8), to: 2) }
  Glibc.exit(status)
}

/// The value, or the end of the program with one line that says why there is none.
package func orExit<Value: ~Copyable>(_ value: @autoclosure () throws -> Value) -> Value {
  do {
    return try value()
  } catch let error as SettingError {
    exit(100, error.line)
  } catch let error as any LoggableError {
    exit(111, error.reason)
  } catch {
    exit(111, "\(error)")
  }
}

/// The name the program was started by.
package func programName() -> String {
  let path = CommandLine.arguments.first ?? "tallystick"
  return path.split(separator: "/").last.map(String.init) ?? path
}

extension Settings {
  /// The settings of the environment, or the end of the program with status 100.
  package static func load() -> Settings {
    FastCGI.answerHelp(
      ServeOptions(
        program: programName(), version: version,
        help: "Settings are environment variables, TALLYSTICK_…; tallystick config show lists them."
      ) { _ in }, arguments: CommandLine.arguments)
    // Nobody but root reads a core or the memory of a program that holds keys (T230).
    _ = ts_hide_memory()
    return orExit(try Settings { variable in environmentValue(variable) })
  }
}
