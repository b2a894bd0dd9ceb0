// What the command prints and asks for: lines, tables, JSON, and a password prompt.
//
// The rules of output are at the top of main.swift. A stranger may have chosen any text that is
// printed, so every cell is escaped.

import Accounts
import Configuration
import Glibc
import Launch
import Logging
import System
import Wire

/// Prints a line on standard output.
func printLine(_ line: String) {
  printResult(Array((line + "\n").utf8))
}

/// Prints a result, or ends with 111: who reads half a list must not take it for the whole.
private func printResult(_ bytes: [UInt8]) {
  guard writeAll(bytes, to: 1) else {
    Launch.exit(111, FileError.system("standard output", "cannot be written").reason)
  }
}

/// Prints a line on standard error, with the program's name in front.
func printError(_ line: String) {
  writeAll(Array("tallystick: \(line)\n".utf8), to: 2)
}

/// The text with spaces up to a width, and at least one.
func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}

/// Prints rows as a JSON array of objects, or as aligned columns under their names.
func printTable(_ columns: [String], _ rows: [[JSON]], asJSON: Bool) {
  if asJSON {
    let objects = rows.map { row in JSON.object(JSONObject(Array(zip(columns, row)))) }
    printResult(JSON.array(objects).encode() + [0x0a])
    return
  }
  let cells = [columns.map { $0.replacingUnderscores }] + rows.map { $0.map(cell) }
  let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
  for row in cells {
    let line = zip(row, widths).map { padded($0, $1 + 1) }.joined(separator: " ")
    printLine(String(line.reversed().drop { $0 == " " }.reversed()))
  }
}

/// A time for people and, in JSON, for machines: both RFC 3339.
func time(_ date: NumericDate) -> JSON {
  .string(timestamp(date))
}

private func cell(_ value: JSON) -> String {
  switch value {
  // As JSON escapes it: nothing a stranger chose moves a cursor or turns a line around.
  case .string(let text):
    text.isEmpty ? "-" : String(decoding: value.encode().dropFirst().dropLast(), as: UTF8.self)
  case .bool(let yes): yes ? "yes" : "no"
  case .array(let values): values.isEmpty ? "-" : values.map(cell).joined(separator: ",")
  case .number: value.integerValue.map(String.init) ?? "-"
  case .null, .object: "-"
  }
}

extension String {
  fileprivate var replacingUnderscores: String {
    String(map { $0 == "_" ? " " : $0 })
  }
}

/// Asks for a password without showing it, twice if a person must type it again; or reads one
/// line of standard input.
func readPassword(twice: Bool) throws(Refused) -> String {
  guard isatty(0) == 1 else {
    guard let line = readLine(strippingNewline: true), !line.isEmpty else {
      throw Refused(line: "no password on standard input")
    }
    return line
  }
  let first = prompt("password: ")
  guard !first.isEmpty else { throw Refused(line: "no password given") }
  guard !twice || prompt("again: ") == first else {
    throw Refused(line: "the passwords differ")
  }
  return first
}

private func prompt(_ text: String) -> String {
  var shown = termios()
  unsafe tcgetattr(0, &shown)
  var hidden = shown
  hidden.c_lflag &= ~tcflag_t(ECHO)
  unsafe tcsetattr(0, TCSAFLUSH, &hidden)
  defer {
    unsafe tcsetattr(0, TCSAFLUSH, &shown)
    writeAll([0x0a], to: 2)
  }
  writeAll(Array(text.utf8), to: 2)
  return readLine(strippingNewline: true) ?? ""
}
