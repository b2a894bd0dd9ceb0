// POST /auth/register: creates an account where registration is open, and signs it in.
//
// OWASP ASVS 5.0 6.2 for the password. Whether a name is taken cannot be hidden here, but it
// takes as long to find out as to register.

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
  guard call.settings.isRegistrationOpen else { throw Refusal.registrationClosed }
  let (members, isShared) = try call.signInMembers("username", "password")
  guard let username = Username(members[0]) else { throw Refusal.invalidUsername }
  let password = try call.password(members[1])
  try policy.validate(password, for: username, under: call.settings)

  let account = try Account(named: username, at: call.time)
  let session = try Session(
    of: account.id, version: account.version, for: call.client, at: call.time,
    under: call.settings, isShared: isShared)
  // Hashed before the name is looked up: a taken name answers no sooner.
  let credentials = Credentials(account: account, passwordHash: try passwords.hash(password))
  guard try store.register(credentials, starting: session, network: call.network) else {
    call.note(.registrationRefused, username: username, reason: "username taken")
    throw Refusal.usernameTaken
  }
  call.note(.registered, account: account.id, session: session.id, username: username)
  let accountSession = AccountSession(session: session, account: account)
  return try call.tokens(for: accountSession, keys, setting: .all, created: true)
}
