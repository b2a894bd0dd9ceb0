// POST /auth/login: verifies a password and starts a session.
//
// Unknown, wrong and disabled are one answer in one time (OWASP ASVS 5.0 6.3.8). A session that
// the client may already have is neither continued nor merged (7.2.4).

import Accounts
import Endpoint
import PasswordHash
import SignIn
import Store
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: true))
let store = orExit(try SQLiteStore(at: settings.database))
let passwords = orExit(try Passwords())

serve(.post, settings: settings, keys: keys, reading: .json, threads: Passwords.threads) { call in
  let members = try call.members("username", "password")
  let password = try call.password(members[1])
  let attempt = Attempt(presenting: members[0], from: call.network)
  try call.admit(attempt, store)

  let found = try Username(members[0]).flatMap { try store.credentials(named: $0) }
  guard try passwords.verify(password, found), let found, !found.account.isDisabled else {
    throw try call.refusal(counting: attempt, account: found?.account.id, .loginFailed, store)
  }

  let account = found.account
  let session = try call.newSession(for: account.id, version: account.version)
  let start = Start(
    session: session, attempt: attempt, verified: found,
    newHash: try passwords.rehash(password, found),
    maximumSessions: call.settings.maximumSessions)
  let outcome = try store.start(start, at: call.time)
  let standing = try call.began(outcome, session, account, .loginSucceeded)
  return .tokens(try call.tokens(for: standing, keys, withCookie: true))
}
