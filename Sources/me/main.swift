// GET /auth/me: who the access token speaks for.

import Accounts
import Authentication
import Configuration
import Launch
import Routes
import Stores
import Token
import Wire

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serve(.get, settings: settings, keys: keys) { call in
  let caller = try call.caller(keys, store)
  let account = caller.account
  return .json(
    .object(
      JSONObject([
        ("id", .string(account.id.text)), ("username", .string(account.username.text)),
        ("groups", .array(account.groups.map { .string($0.text) })),
        ("token_version", .integer(account.version)), ("session", .string(caller.session.id.text)),
        ("expires_at", .integer(caller.token.claims.expires.seconds)),
      ])))
}
