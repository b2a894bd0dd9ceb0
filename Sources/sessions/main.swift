// GET /auth/sessions: the caller's sessions. DELETE /auth/sessions/ID: ends one of them.
//
// A foreign session and an unknown one are answered alike (OWASP ASVS 5.0 8.2.2).

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

serve(.get, .delete, settings: settings, keys: keys) { call in
  let named = call.pathInfo
  guard named.isEmpty == call.isRead else { throw Refusal.methodNotAllowed }
  let caller = try call.caller(keys, store)

  if call.isRead {
    let lifetime = call.settings.refreshLifetime
    let sessions = try store.sessions(of: caller.account.id, at: call.time)
      .filter { call.time < $0.refreshExpiry(lifetime: lifetime) }
    return .list(
      "sessions", sessions.map { $0.asJSON(current: caller.session.id, lifetime: lifetime) })
  }
  guard let session = SessionID(named), try store.endSession(session, of: caller.account.id)
  else { throw Refusal.notFound }
  call.note(.sessionEnded, account: caller.account.id, session: session)
  return .done()
}
