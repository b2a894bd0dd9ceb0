// POST /auth/revoke: signs out everywhere, by raising the account's token version.

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serve(.post, settings: settings, keys: keys) { call in
  let caller = try call.caller(keys, store)
  guard try store.revoke(caller.account.id) != nil else { throw Refusal.invalidToken }
  call.note(.revoked, account: caller.account.id, session: caller.session.id)
  return .done(clearingCookies: true)
}
