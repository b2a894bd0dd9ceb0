// `tallystick init`: makes the state directory, or migrates the database of an older version.
//
// The order matters: the database comes last, because its presence says that everything is there.

import Accounts
import Configuration
import Launch
import Logging
import PasswordHash
import Stores
import System
import Token

let initCommands = [
  Command(
    path: ["init"],
    options: [
      Option(name: "--algorithm", value: "ALG", meaning: "of access tokens: ES256 or Ed25519"),
      Option(
        name: "--words", value: "FILE",
        meaning: "common passwords, one a line; Debian's otherwise"),
      Option(
        name: "--upgrade",
        meaning: "only bring a state that is there up to date; nothing to do is no error"),
      Option(
        name: "--owner", value: "USER",
        meaning: "whom a new state directory belongs to, as root; who owns its parent otherwise"),
    ],
    summary: "create the state directory, or bring the store of an older version up to date",
    state: .created
  ) { arguments in
    let settings = try Context.settings()
    let algorithm = try algorithm(arguments.options["--algorithm"]) ?? .es256
    if arguments.has("--upgrade") { return try upgrade(settings) }
    // Before anything else is looked at, the list of words included: as root it could be read to
    // a service that may not read it.
    let isNew = try Owner.takeOnOrMake(of: settings.state, for: arguments.options["--owner"])
    defer { if isNew { removeIfEmpty(settings.state) } }
    let keys = KeyDirectory(path: settings.keys)
    var joins = false
    switch try conditionOfStore(settings) {
    case .missing: break
    case .outdated(let found, let known):
      try makeStore(settings)
      Context.note("init")
      return printLine("brought \(settings.storeName) from schema \(found) to \(known)")
    case .current where settings.store != .sqlite && !keys.exists:
      // Another host has made the store, and this one joins it.
      joins = true
    case .current:
      throw Refused(line: "\(settings.storeName) exists: init creates, it never replaces")
    }
    let words = try blocklist(arguments.options["--words"])
    try makePrivateDirectory(settings.state)
    try File.replace(settings.blocklist, with: words, mode: 0o600)
    if joins {
      guard let shared = try sharedKeys() else { throw Refused(line: "there are no keys to share") }
      let version = try shared.synchronize(at: Clock.now())
      Context.note("init")
      return printLine(
        "created \(settings.state) with version \(version) of the keys; this host "
          + (keys.hasSealingKey ? "signs" : "only checks: it has no \(keys.path)/sealing.key"))
    }
    if !keys.exists { try keys.create(algorithm: algorithm, at: Clock.now()) }
    // Keys that an earlier call left may be another's by now.
    try KeyStore(directory: settings.keys, signing: true).prove()
    // Last, because it is what says that everything is there.
    try makeStore(settings)
    try sharedKeys()?.start(at: Clock.now())
    Context.note("init")
    printLine("created \(settings.state)")
  }
]

/// Brings a state that is there up to date, and makes SQLite's log and its index if they are missing.
private func upgrade(_ settings: Settings) throws {
  try Owner.takeOn(of: settings.state)
  switch try conditionOfStore(settings) {
  case .missing:
    throw Refused(
      status: 111, line: "there is no \(settings.storeName); tallystick init creates it")
  case .outdated(let found, let known):
    try makeStore(settings)
    Context.note("init")
    printLine("brought \(settings.storeName) from schema \(found) to \(known)")
  case .current:
    return
  }
}

private let debianWords = ["Common", "English"].map { name in
  "/usr/share/perl5/Data/Password/zxcvbn/RankedDictionaries/\(name).pm"
}

/// The blocklist's contents, from a list of the administrator's or Debian's.
private func blocklist(_ file: String?) throws -> [UInt8] {
  guard let file else { return Blocklist.build(from: Blocklist.completed(try wordsOfDebian())) }
  guard let bytes = readFile(file) else { throw Refused(line: "cannot read \(file)") }
  let words = Blocklist.words(inLines: bytes)
  guard !words.isEmpty else { throw Refused(line: "\(file) has no words") }
  return Blocklist.build(from: words)
}

private func wordsOfDebian() throws(Refused) -> [[UInt8]] {
  var words: [[UInt8]] = []
  for path in debianWords {
    guard let bytes = readFile(path) else {
      throw Refused(
        line: "no list of common passwords: install Debian's libdata-password-zxcvbn-perl,"
          + " or name one with --words")
    }
    do throws(BlocklistError) {
      words += try Blocklist.words(inRankedDictionaries: bytes)
    } catch {
      throw Refused(line: "cannot use \(path): \(error.reason); name another list with --words")
    }
  }
  return words
}
