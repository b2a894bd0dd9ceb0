// `tallystick key …`: lists, rotates and retires signing keys.
//
// The steps, and what a crash between two of them leaves, are in Token/KeyDirectory.swift.

import Accounts
import Configuration
import Glibc
import Launch
import Logging
import Stores
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
    let (now, wanted) = (Clock.now(), try algorithm(name))
    let rotated =
      if let shared = try sharedKeys() {
        try shared.rotate(at: now, algorithm: wanted)
      } else {
        try keys().rotate(at: now, algorithm: wanted)
      }
    guard let current = rotated else { throw Refused(line: "there is no next key") }
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
    let kid = arguments.options["--kid"]
    let retired =
      try sharedKeys().map { try $0.retire(kid: kid, at: Clock.now()) } ?? keys().retire(kid: kid)
    Context.note("key retire")
    printLine(retired.isEmpty ? "nothing to retire" : "retired \(retired.joined(separator: " "))")
  },
  Command(
    path: ["key", "sync"],
    summary: "take over what other hosts have published; run it every minute on each host"
  ) { _ in
    guard let shared = try sharedKeys() else {
      throw Refused(line: "the store is of one host: there is nobody to exchange keys with")
    }
    printLine("version \(try shared.synchronize(at: Clock.now()))")
  },
  Command(
    path: ["key", "hosts"], options: [.json],
    summary: "list the hosts that share the keys, and which version each has"
  ) { arguments in
    let hosts = try openKeyExchange(try Context.settings())?.keyHosts() ?? []
    printTable(
      ["host", "version", "seen_at"],
      hosts.map { [.string($0.name), .integer($0.version), time($0.seenAt)] },
      asJSON: arguments.has("--json"))
  },
  Command(
    path: ["key", "forget-host"], arguments: ["NAME"],
    summary: "wait no more for a host that is gone"
  ) { arguments in
    let name = arguments.positional[0]
    guard try openKeyExchange(try Context.settings())?.forgetHost(named: name) == true else {
      throw Refused(line: "no host \(quoted(name))")
    }
    Context.note("key forget-host")
    printLine("forgot \(name)")
  },
]

/// The keys that this host shares with others; nil where the store is of one host.
func sharedKeys() throws -> SharedKeys? {
  let settings = try Context.settings()
  guard let exchange = try openKeyExchange(settings) else { return nil }
  return SharedKeys(
    directory: KeyDirectory(path: settings.keys), exchange: exchange,
    host: hostNameInStore(settings))
}

/// The name of this host among those that share the keys.
func hostNameInStore(_ settings: Settings) -> String { "\(hostName()):\(settings.state)" }

private func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard unsafe gethostname(&name, name.count - 1) == 0 else { return "?" }
  return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

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
