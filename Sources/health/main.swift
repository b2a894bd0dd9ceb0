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
// Somebody else may be writing, which is no illness: it is not waited for as long as a login would.
let store = orExit(try openStore(settings, patience: .seconds(1)))

serve(.get, settings: settings, keys: keys, threads: 2) { _ in
  _ = try store.revocationMark()
  try store.proveWritable()
  return .done()
}
