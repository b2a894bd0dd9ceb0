// GET /auth/health: whether this host can serve: 204 if the keys can be read and the store can be
// read and written, or 503. It says nothing else, and `check` does not ask it.

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
  try store.proveWritable()
  return .done()
}
