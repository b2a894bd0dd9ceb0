// `tallystick account …`: creates, lists, shows and changes accounts (the contract's section 7).

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import PasswordHash
import PasswordLogin
import Text
import Token
import Wire

let accountCommands = [
  Command(
    path: ["account", "add"], arguments: ["NAME"],
    options: [Option(name: "--groups", value: "A,B", meaning: "the groups it is in")],
    summary: "create an account; the password from a prompt or standard input"
  ) { arguments in
    let settings = try Context.settings()
    guard let username = Username(arguments.positional[0]) else { throw Refusal.invalidUsername }
    let groups = try groups(arguments.options["--groups"] ?? "")
    let store = try Context.store()
    let hash = try newHash(for: username, settings)
    let account = try Account(named: username, groups: groups, at: Clock.now())
    let credentials = Credentials(account: account, passwordHash: hash)
    guard try store.register(credentials, starting: nil, network: nil) else {
      throw Refusal.usernameTaken
    }
    Context.note("account add", account: account)
    printLine("added \(username), \(account.id)")
  },
  Command(
    path: ["account", "list"], options: [.json], summary: "list all accounts"
  ) { arguments in
    let store = try Context.store()
    var rows: [[JSON]] = []
    var last: Username?
    repeat {
      let page = try store.accounts(after: last, limit: 1_000)
      rows += page.map(row)
      last = page.last?.username
    } while last != nil
    printTable(accountColumns, rows, asJSON: arguments.has("--json"))
  },
  Command(
    path: ["account", "show"], arguments: ["NAME"], options: [.json], summary: "show one account"
  ) { arguments in
    let account = try Context.account(arguments.positional[0], in: try Context.store())
    printTable(accountColumns, [row(account)], asJSON: arguments.has("--json"))
  },
  Command(
    path: ["account", "passwd"], arguments: ["NAME"],
    summary: "set a new password; signs the account out everywhere"
  ) { arguments in
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    let hash = try newHash(for: account.username, try Context.settings())
    _ = try store.setPasswordHash(hash, account: account.id)
    Context.note("account passwd", account: account)
    printLine("changed the password of \(account.username)")
  },
  change("disable", "refuse its tokens and logins from now on", "disabled") { store, account in
    try store.setDisabled(true, account: account)
  },
  change("enable", "let it log in again", "enabled") { store, account in
    try store.setDisabled(false, account: account)
  },
  change("delete", "delete it and everything that belongs to it", "deleted") { store, account in
    try store.delete(account)
  },
  Command(
    path: ["account", "revoke"], arguments: ["NAME"],
    options: [Option(name: "--devices", meaning: "end its device tokens, too")],
    summary: "sign it out everywhere"
  ) { arguments in
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    let endsDevices = arguments.has("--devices")
    let isDone =
      endsDevices
      ? try store.revokeWithDevices(account.id) != nil : try store.revoke(account.id) != nil
    guard isDone else { throw Refused(line: "no account \(quoted(arguments.positional[0]))") }
    Context.note("account revoke" + (endsDevices ? " --devices" : ""), account: account)
    printLine("revoked \(account.username)")
  },
  Command(
    path: ["account", "groups"], arguments: ["NAME", "A,B"],
    summary: "replace its groups; \"\" for none"
  ) { arguments in
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    let groups = try groups(arguments.positional[1])
    _ = try store.setGroups(groups, account: account.id)
    Context.note("account groups", account: account)
    printLine(
      "\(account.username) is in \(groups.isEmpty ? "no group" : arguments.positional[1])")
  },
]

private let accountColumns = [
  "username", "id", "groups", "token_version", "disabled", "created_at",
]

private func row(_ account: Account) -> [JSON] {
  [
    .string(account.username.text), .string(account.id.text),
    .array(account.groups.map { .string($0.text) }), .integer(account.version),
    .bool(account.isDisabled), time(account.createdAt),
  ]
}

/// A command that changes one account.
private func change(
  _ name: String, _ summary: String, _ done: String,
  _ apply: @escaping @Sendable (any AccountStore, AccountID) throws -> Bool
) -> Command {
  Command(path: ["account", name], arguments: ["NAME"], summary: summary) { arguments in
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    guard try apply(store, account.id) else {
      throw Refused(line: "no account \(quoted(arguments.positional[0]))")
    }
    Context.note("account \(name)", account: account)
    printLine("\(done) \(account.username)")
  }
}

private func groups(_ text: String) throws(Refused) -> [Group] {
  guard text.utf8.count <= 2_048 else {
    throw Refused(line: "an account's groups have at most 2048 bytes: they stand in its tokens")
  }
  guard let groups = Group.list(text) else {
    throw Refused(
      line: "\(quoted(text)) is no list of groups: 1 to 64 of a-z 0-9 . _ - each, commas between")
  }
  return groups
}

/// The hash of a password that is read now and must pass the policy.
private func newHash(for username: Username, _ settings: Settings) throws -> String {
  let policy = try PasswordPolicy(settings)
  guard let password = Password(try readPassword(twice: true)) else {
    throw Refused(line: "a password has at most \(Password.maximumByteCount) bytes")
  }
  try policy.validate(password, for: username, under: settings)
  return try PasswordVerifier().hash(password)
}
