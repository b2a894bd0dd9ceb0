// nginx `auth_request`: may the request that nginx asks about pass?
//
// 204 allows; 401 and 403 deny; 503 when it cannot decide, which denies too. It decides by
// parameters that only nginx sets, by the client's `Authorization`, where nginx names a site by its
// gate cookie, and where the location lets them in by a device token.

import Accounts
import AuthRequest
import Authentication
import Configuration
import Launch
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serveAuthRequests(settings: settings, keys: keys, store: store) { call, credential, holder in
  let permit = try call.permit(credential, holder)
  try call.require(permit.account)
  return permit
}
