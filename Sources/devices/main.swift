// GET /auth/devices: the caller's device tokens. POST /auth/devices: makes one, and shows it this once.
// DELETE /auth/devices/ID: ends one.
//
// A token outlives the session, so making one needs a recent login: who finds a page open can make
// none (OWASP ASVS 5.0 7.5.1). A foreign token and an unknown one are answered alike (8.2.2).

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

serve(.get, .post, .delete, settings: settings, keys: keys, reading: .json) { call in
  let named = call.pathInfo
  guard named.isEmpty != call.isDeletion else { throw Refusal.methodNotAllowed }
  let caller = try call.caller(keys, store)
  let owner = caller.account.id

  if call.isRead {
    let devices = try store.devices(of: owner, at: call.time)
    return .list("devices", devices.map { $0.asJSON() })
  }
  guard named.isEmpty else {
    guard let device = DeviceID(named), try store.endDevice(device, of: owner) else {
      throw Refusal.notFound
    }
    call.note(.deviceEnded, account: owner, session: caller.session.id, reason: device.prefix)
    return .done()
  }
  let wish = try call.wishForDevice()
  guard caller.session.createdAt.isWithin(Device.maximumLoginAge, of: call.time) else {
    throw Refusal.loginRequired
  }
  let token = try DeviceToken()
  let device = try Device(wish, for: owner, token: token, at: call.time)
  try store.make(device, askedBy: caller.accountSession).requireMade()
  call.note(.deviceMade, account: owner, session: caller.session.id, reason: device.id.prefix)
  return .json(device.asJSON(token: token), created: true)
}
