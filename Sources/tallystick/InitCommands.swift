import Accounts
import Configuration
import Launch
import Logging
import PasswordHash
import Store
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
    if try announcesMigration(settings.database) { return }
    guard !exists(settings.database) else {
      throw Refused(line: "\(settings.database) exists: init creates, it never replaces")
    }
    let words = try blocklist(arguments.options["--words"])
    try makePrivateDirectory(settings.state)
    try File.replace(settings.blocklist, with: words, mode: 0o600)
    let keys = KeyDirectory(path: settings.keys)
    if !keys.exists { try keys.create(algorithm: algorithm, at: Clock.now()) }
    // Keys that an earlier call left may be another's by now.
    try KeyStore(directory: settings.keys, signing: true).prove()
    // Last, because it is what says that everything is there.
    try SQLiteStore.create(at: settings.database)
    Context.note("init")
    printLine("created \(settings.state)")
  }
]

/// Brings a state that is there up to date, and makes the log and its index if they are missing.
private func upgrade(_ settings: Settings) throws {
  try Owner.takeOn(of: settings.state)
  guard exists(settings.database) else {
    throw Refused(status: 111, line: "there is no \(settings.database); tallystick init creates it")
  }
  _ = try announcesMigration(settings.database)
}

/// Migrates a database that an older program made, and says so; false if there was nothing to do.
private func announcesMigration(_ database: String) throws -> Bool {
  guard let (found, known) = try migrate(database) else { return false }
  Context.note("init")
  printLine("brought \(database) from schema \(found) to \(known)")
  return true
}

/// Migrates a database that an older program made.
///
/// - Returns: The schema that it had and the one that it has; nil if there was nothing to do.
private func migrate(_ database: String) throws -> (found: Int64, known: Int64)? {
  do throws(StoreError) {
    _ = try SQLiteStore(at: database)
    return nil
  } catch {
    guard case .schema(let found, let known) = error, found < known else { return nil }
    try SQLiteStore.migrate(at: database)
    return (found, known)
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
