// `tallystick key …`: lists, rotates and retires signing keys.
//
// The steps, and what a crash between two of them leaves, are in Token/KeyDirectory.swift.

import Accounts
import Configuration
import Launch
import Logging
import Text
import Token
import Wire

let keyCommands = [
  Command(path: ["key", "list"], options: [.json], summary: "list the signing keys") { arguments in
    let rows = try keys().list().map { key -> [JSON] in
      [
        .string(key.kid), .string(key.algorithm.rawValue), .string(key.status.rawValue),
        time(key.createdAt),
      ]
    }
    printTable(["kid", "alg", "status", "created_at"], rows, asJSON: arguments.has("--json"))
  },
  Command(
    path: ["key", "rotate"],
    options: [
      Option(name: "--algorithm", value: "ALG", meaning: "of the key made now: ES256 or Ed25519")
    ],
    summary: "sign with the next key from now on, and make another next one"
  ) { arguments in
    let name = arguments.options["--algorithm"]
    guard let current = try keys().rotate(at: Clock.now(), algorithm: try algorithm(name)) else {
      throw Refused(line: "there is no next key")
    }
    Context.note("key rotate")
    printLine("signing with \(current)")
  },
  Command(
    path: ["key", "retire"],
    options: [
      Option(name: "--kid", value: "KID", meaning: "this one alone; all previous ones otherwise")
    ],
    summary: "refuse tokens signed with previous keys from now on"
  ) { arguments in
    if let kid = arguments.options["--kid"],
      try !keys().list().contains(where: { $0.kid == kid && $0.status == .previous })
    {
      throw Refused(line: "\(quoted(kid)) is no previous key: rotate first")
    }
    let retired = try keys().retire(kid: arguments.options["--kid"])
    Context.note("key retire")
    printLine(retired.isEmpty ? "nothing to retire" : "retired \(retired.joined(separator: " "))")
  },
]

private func keys() throws -> KeyDirectory {
  KeyDirectory(path: try Context.settings().keys)
}

/// The algorithm of this name; nil where none was named.
func algorithm(_ name: String?) throws(Refused) -> SignatureAlgorithm? {
  guard let name else { return nil }
  guard let algorithm = SignatureAlgorithm(rawValue: name) else {
    throw Refused(
      status: 100, line: "\(quoted(name)) is no algorithm: ES256, Ed25519 or EdDSA")
  }
  return algorithm
}
