// GET /tallystick/land on a site: spends a one-time code and sets the gate cookie.
//
// The code is spent by its first presentation, right or wrong. It counts if it is known, a minute
// old at the most, for this site and for this browser, and its session lives.

import Accounts
import Configuration
import GateRoutes
import Launch
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: true))
let store = orExit(try openStore(settings))

servePages(settings: settings, keys: keys) { call in
  guard call.isRead else { throw Refusal.methodNotAllowed }
  let site = try call.requiredSite()
  let landing = call.landing
  switch try call.spend(landing, at: site, in: store) {
  case .accepted(let accountSession):
    return try call.landed(accountSession, landing, at: site, keys)
  case .refused(let refusal):
    return call.notLanded(refusal, landing, at: site, keys)
  }
}
