import Accounts
import CSystem
import Configuration
import Glibc
import Launch
import Logging
import Store
import System
import Text
import Token

let backupCommands = [
  Command(
    path: ["backup"], arguments: ["FILE"],
    options: [
      Option(name: "--without-keys", meaning: "leave the private keys and the secret out"),
      Option(
        name: "--keep", value: "N",
        meaning: "FILE is a directory: write a new file in it, and delete all but the last N"),
    ],
    summary: "write a backup of the whole state while the programs run", state: .none
  ) { arguments in
    let settings = try Context.settings()
    try expectSQLite(settings)
    let keep = try arguments.options["--keep"].map(number)
    let target = arguments.positional[0]
    // As who was asked: root may name a place that the service cannot reach.
    let file = try BackupFile(
      keep == nil ? target : "\(target)/tallystick-\(timestamp(Clock.now())).backup")
    do {
      try Owner.takeOn(of: settings.state)
      try expectRegularFiles(ofStore: settings.database)
      let draft = settings.database + ".backup"
      defer { SQLiteStore.removeDatabase(draft) }
      try SQLiteStore.backUp(
        settings.database, to: draft,
        with: keptFiles(settings, withKeys: !arguments.has("--without-keys")))
      try file.fill(from: draft)
    } catch {
      file.remove()
      throw error
    }
    Context.note("backup")
    printLine("wrote \(file.path)")
    if let keep { try removeOldBackups(in: target, but: keep) }
  },
  Command(
    path: ["restore"], arguments: ["FILE"],
    summary: "put a backup in the place of the state; ends sessions that it would reopen",
    state: .none
  ) { arguments in
    let settings = try Context.settings()
    try expectSQLite(settings)
    guard let contents = readFile(arguments.positional[0]) else {
      throw Refused(line: "cannot read \(arguments.positional[0])")
    }
    let owner = !exists(settings.state) && isUser("tallystick") ? "tallystick" : nil
    _ = try Owner.takeOnOrMake(of: settings.state, for: owner)
    try makePrivateDirectory(settings.state)
    let draft = settings.database + ".restored"
    SQLiteStore.removeDatabase(draft)
    defer { SQLiteStore.removeDatabase(draft) }
    try File.replace(draft, with: contents, mode: 0o600)
    let restored = try SQLiteStore.restore(draft, at: settings.database)
    try write(restored.files, below: settings.state)
    let keys = KeyDirectory(path: settings.keys)
    let hasKeys = keys.exists
    if !hasKeys { try keys.create(algorithm: .es256, at: Clock.now()) }
    Context.note("restore")
    printLine(
      "restored \(settings.state): \(restored.kept) sessions go on, \(restored.ended) were ended")
    if restored.doubtfulDevices > 0 {
      printLine(
        "\(restored.doubtfulDevices) device tokens count again, also those that were ended since: "
          + "the replaced database cannot be read")
    }
    if !hasKeys {
      printLine("the backup has no keys: new ones were made, so everybody signs in again")
    }
    printError("next: systemctl restart tallystick-state.service; it restarts every program")
  },
]

/// A PostgreSQL store has tools of its own, which know its server.
private func expectSQLite(_ settings: Settings) throws(Refused) {
  guard settings.store != .sqlite else { return }
  throw Refused(line: "the store is PostgreSQL: pg_dump backs it up; copy \(settings.keys) too")
}

private func number(_ text: String) throws(Refused) -> Int {
  guard let number = Int(text), (1...1_000).contains(number) else {
    throw Refused(status: 100, line: "\(quoted(text)) is no number from 1 to 1000")
  }
  return number
}

/// The file that a backup goes to, opened before the command becomes somebody else.
private struct BackupFile: ~Copyable {
  let path: String
  private let descriptor: System.Descriptor

  init(_ path: String) throws(Refused) {
    self.path = path
    let number = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw Refused(.system(path, "cannot be created")) }
    descriptor = Descriptor(owning: number)
  }

  /// Copies a file into it and makes it durable.
  func fill(from draft: String) throws(Refused) {
    guard let contents = readFile(draft) else { throw Refused(.system(draft, "cannot be read")) }
    guard writeAll(contents, to: descriptor.number), fsync(descriptor.number) == 0 else {
      throw Refused(.system(path, "cannot be written"))
    }
  }

  /// Removes it after a failure, where this user may; else it is empty.
  func remove() {
    _ = ftruncate(descriptor.number, 0)
    _ = unsafe unlink(path)
  }
}

/// The files beside the database: what the programs need and cannot make again.
private func keptFiles(_ settings: Settings, withKeys: Bool) throws -> [KeptFile] {
  var names = ["blocklist"]
  if withKeys {
    names += ["keys/set.json", "keys/refresh.secret"]
    names += try KeyDirectory(path: settings.keys).list().map { "keys/private/\($0.kid).pem" }
  }
  return try names.filter { exists("\(settings.state)/\($0)") }.map { name in
    KeptFile(
      name: name, contents: try File.contents(of: "\(settings.state)/\(name)", atMost: 64 << 20))
  }
}

/// Writes the files of a backup, the key set last: it names the others.
private func write(_ files: [KeptFile], below state: String) throws {
  try Directory.make(state + "/keys", mode: 0o755)
  try Directory.make(state + "/keys/private", mode: 0o700)
  for file in files.filter({ $0.name != "keys/set.json" })
    + files.filter({ $0.name == "keys/set.json" })
  {
    guard isExpected(file.name) else {
      throw Refused(line: "the backup has a file \(quoted(file.name))")
    }
    let isPublic = file.name == "keys/set.json"
    let isSecret = file.name.utf8.starts(with: "keys/".utf8) && !isPublic
    try File.replace(
      "\(state)/\(file.name)", with: file.contents,
      mode: isPublic ? 0o644 : isSecret ? 0o400 : 0o600)
  }
}

/// Whether a name is one that a backup of ours has: nothing else is written anywhere.
private func isExpected(_ name: String) -> Bool {
  if ["blocklist", "keys/set.json", "keys/refresh.secret"].contains(name) { return true }
  let start = "keys/private/"
  guard name.utf8.starts(with: start.utf8), name.hasSuffix(".pem") else { return false }
  return name.dropFirst(start.count).dropLast(4).utf8.allSatisfy { byte in
    isDigit(byte) || "-_".utf8.contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}

/// Deletes the oldest backups that `--keep` wrote into a directory; their names sort by time.
private func removeOldBackups(in directory: String, but keep: Int) throws {
  let names = try Directory.names(in: directory)
    .filter { $0.utf8.starts(with: "tallystick-".utf8) && $0.hasSuffix(".backup") }.sorted()
  for name in names.dropLast(keep) { _ = unsafe unlink("\(directory)/\(name)") }
}
