// nginx `auth_request`: may the request that nginx asks about pass?
//
// 204 allows; 401 and 403 deny; 503 when it cannot decide, which denies too. It decides by
// parameters that only nginx sets, and by the client's `Authorization`.

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

serveAuthRequests(settings: settings, keys: keys, store: store) { call, token, accountSession in
  let caller = try call.caller(token, accountSession)
  try call.require(caller.account)
  return caller
}
