// POST /auth/handover: a one-time code that leads this browser to a site, signed in.
//
// The code counts only in the browser whose state cookie the site has set, so nobody can be led
// into a login that is not their own (login CSRF). RFC 9700 §4.7.

import Accounts
import Authentication
import Configuration
import Gate
import GateRoutes
import Launch
import Logging
import Routes
import Stores
import Token
import Wire

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serve(.post, settings: settings, keys: keys, reading: .json) { call in
  let caller = try call.caller(keys, store)
  let members = try call.members("site", "state", "return")
  guard let site = call.settings.knownSite(members[0]) else { throw Refusal.unknownSite }
  guard BrowserState.isDigest(members[1]) else {
    throw Refusal.invalidRequest("The member state is no digest in base64url.")
  }
  let code = try HandoverCode()
  let handover = Handover(
    code: code.digest, for: caller.session, site: site.text, state: members[1], at: call.time)
  try store.issue(handover, at: call.time)
  call.note(
    .handedOver, account: caller.account.id, session: caller.session.id, reason: site.text)
  let location = site.landing(code, returningTo: ReturnPath(members[2]))
  return .json(.object(JSONObject([("location", .string(location))])))
}
