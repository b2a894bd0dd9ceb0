// POST /auth/login: verifies a password and starts a session.
//
// Unknown, wrong and disabled are one answer in one time (OWASP ASVS 5.0 6.3.8). A session that
// the client may already have is neither continued nor merged (7.2.4).

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import PasswordLogin
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: true))
let store = orExit(try openStore(settings))
let passwords = orExit(try PasswordVerifier())

serve(
  .post, settings: settings, keys: keys, reading: .json, threads: PasswordVerifier.threads
) { call in
  let (members, isShared) = try call.signInMembers("username", "password")
  let password = try call.password(members[1])
  let attempt = Attempt(presenting: members[0], from: call.network)
  let found = try Username(members[0]).flatMap { try store.credentials(named: $0) }

  let guess = try passwords.judge(password, attempt, found, in: store, at: call.time) { damage in
    call.noteDamagedHash(of: found?.account.id, damage)
  }
  try call.requireRight(guess, attempt, account: found?.account.id, .loginFailed)
  guard let found else { throw Refusal.invalidCredentials }

  let account = found.account
  let session = try Session(
    of: account.id, version: account.version, for: call.client, at: call.time,
    under: call.settings, isShared: isShared)
  let start = Start(
    session: session, attempt: attempt, verified: found,
    newHash: try passwords.rehash(password, found),
    maximumSessions: call.settings.maximumSessions)
  let outcome = try store.start(start, at: call.time)
  let accountSession = try call.started(outcome, session, account, .loginSucceeded)
  return try call.tokens(for: accountSession, keys, setting: .all)
}
