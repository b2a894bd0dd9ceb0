// GET /auth/health: whether this host can serve: 204 if the store and the keys can be read, or
// 503. It says nothing else, and `check` does not ask it.

import Accounts
import Configuration
import Launch
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serve(.get, settings: settings, keys: keys, threads: 2) { _ in
  _ = try store.revocationMark()
  return .done()
}
