import Foundation
import Testing

/// Runs a program to its end.
///
/// Database files are only ever touched by other processes: when this one closed a descriptor of
/// its own, the system would drop SQLite's locks on the file.
@discardableResult
func run(_ program: String, _ arguments: String...) throws -> String {
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.standardOutput = output
  process.standardError = output
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "\(program) \(arguments): \(text)")
  return text
}

/// Runs SQL from outside, as an administrator with the `sqlite3` shell would.
@discardableResult
func sql(_ database: String, _ statements: String) throws -> String {
  let text = try run("/usr/bin/sqlite3", "-bail", database, statements)
  return text.trimmingCharacters(in: .whitespacesAndNewlines)
}

/// A `sqlite3` shell that keeps its transaction open.
final class Shell: @unchecked Sendable {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Runs statements and returns when they have run.
  init(_ database: String, _ statements: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
    process.arguments = ["-bail", database]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data("\(statements)\n.print ready\n".utf8))
    var said = ""
    while !said.contains("ready") {
      let data = output.fileHandleForReading.availableData
      try #require(!data.isEmpty, "the shell ended: \(said)")
      said += String(decoding: data, as: UTF8.self)
    }
  }

  /// Ends the shell, which rolls its transaction back.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Ends it without a chance to clean up.
  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

/// Another process that runs one of the tasks of `ChildProcess`: this test program once more.
final class Child: @unchecked Sendable {
  private let process = Process()
  private let output = Pipe()
  private var unread = ""

  init(_ task: String, on database: String, under wrapper: [String] = []) throws {
    let this = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let command =
      wrapper + [this, "--testing-library", "swift-testing", "--filter", "ChildProcess"]
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(
      [
        "STORE_CHILD": task, "STORE_DATABASE": database,
        // The leak checker cannot run where strace does.
        "ASAN_OPTIONS": "detect_leaks=0",
        // What it leaves when it is killed goes with the parent's directory.
        "TMPDIR": String(database.prefix(upTo: database.lastIndex(of: "/") ?? database.endIndex)),
      ]
    ) { $1 }
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  /// The next line that the task reported, nil after the last.
  func next() -> String? {
    while true {
      if let end = unread.firstIndex(of: "\n") {
        let line = String(unread[..<end])
        unread = String(unread[unread.index(after: end)...])
        if line.hasPrefix("child: ") { return String(line.dropFirst(7)) }
        continue
      }
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { return nil }
      unread += String(decoding: data, as: UTF8.self)
    }
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
  }

  /// The exit status, or minus the signal.
  func wait() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .exit
      ? process.terminationStatus : -process.terminationStatus
  }
}

/// Reports a line to the parent, past every buffer.
func report(_ line: String) {
  FileHandle.standardOutput.write(Data("child: \(line)\n".utf8))
}
