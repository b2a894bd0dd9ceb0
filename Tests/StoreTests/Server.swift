import Foundation
import PostgreSQL
import Testing

/// A private PostgreSQL server, which ends with this process whatever becomes of it.
final class Server: @unchecked Sendable {
  /// The one that all tests share, started by the first that needs it.
  static let shared = Result { try Server() }

  let directory: String
  private let process = Process()
  private let input = Pipe()
  private let names = Shared<[String: String]>([:])

  init() throws {
    directory = NSTemporaryDirectory() + "postgresql-" + UUID().uuidString.prefix(8)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let output = Pipe()
    // It ends with its standard input, which this process holds; what it leaves, it takes along.
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [
      "-c", "\"$0\" \"$1\"; rm -rf \"$1\"", root.path + "/tools/lib/postgresql", directory,
    ]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    try #require(said == "ready\n", "PostgreSQL does not start: \(said)")
    _ = try PostgreSQLStore.create(uri: uri(of: "postgres"))
    // What all databases of tests are copies of.
    try psql("postgres", "CREATE DATABASE template TEMPLATE postgres")
  }

  func uri(of database: String) -> String {
    "postgresql://tallystick@/\(database)?host=\(directory)"
  }

  /// The database that belongs to a test's directory, made if it is not there.
  func database(for scratch: String) throws -> String {
    try names.withLock { names in
      if let name = names[scratch] { return uri(of: name) }
      let name = "test\(names.count)"
      try psql("postgres", "CREATE DATABASE \(name) TEMPLATE template")
      names[scratch] = name
      return uri(of: name)
    }
  }

  /// Runs SQL from outside, as an administrator with `psql` would.
  @discardableResult
  func psql(_ database: String, _ statements: String) throws -> String {
    try run(
      "/usr/bin/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", uri(of: database), "-c", statements
    ).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
