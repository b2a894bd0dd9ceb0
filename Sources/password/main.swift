// POST /auth/password: changes the password; every session and token of the account ends, and
// the caller goes on with a fresh session.
//
// OWASP ASVS 5.0 6.2.3, 7.4.3. Wrong guesses of the current password count as at login, and end
// no session: a stolen access token must not become a way to guess.

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
let policy = orExit(try PasswordPolicy(settings))
let passwords = orExit(try PasswordVerifier())

serve(
  .post, settings: settings, keys: keys, reading: .json, threads: PasswordVerifier.threads
) { call in
  let caller = try call.caller(keys, store)
  let members = try call.members("current_password", "new_password")
  let current = try call.password(members[0])
  let new = try call.password(members[1])
  let attempt = Attempt(presenting: caller.account.username.text, from: call.network)
  guard let found = try store.credentials(of: caller.account.id) else { throw Refusal.invalidToken }

  let guess = try passwords.judge(current, attempt, found, in: store, at: call.time) { damage in
    call.noteDamagedHash(of: found.account.id, damage)
  }
  try call.requireRight(guess, attempt, account: caller.account.id, .passwordRefused)
  guard new != current else {
    throw Refusal.invalidRequest("The new password is the current one.")
  }
  try policy.validate(new, for: caller.account.username, under: call.settings)

  let account = caller.account.withRaisedVersion
  let session = try Session(
    of: account.id, version: account.version, for: call.client, at: call.time,
    under: call.settings, isShared: caller.session.isShared)
  let change = PasswordChange(
    session: session, attempt: attempt,
    verified: Credentials(account: caller.account, passwordHash: found.passwordHash),
    newHash: try passwords.hash(new))
  let outcome = try store.changePassword(change, at: call.time)
  guard outcome != .outdated else { throw Refusal.invalidToken }
  let accountSession = try call.started(outcome, session, account, .passwordChanged)
  return try call.tokens(for: accountSession, keys, setting: .all)
}
