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
import Wire

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
    return .json(
      .object(
        JSONObject([
          (
            "sessions",
            .array(sessions.map { $0.asJSON(current: caller.session.id, lifetime: lifetime) })
          )
        ])))
  }
  guard let session = SessionID(named), try store.endSession(session, of: caller.account.id)
  else { throw Refusal.notFound }
  call.note(.sessionEnded, account: caller.account.id, session: session)
  return .done()
}

extension Session {
  /// The session as its owner sees it; it ends at `expires_at` unless it is used again.
  func asJSON(current: SessionID, lifetime: Duration) -> JSON {
    .object(
      JSONObject([
        ("id", .string(id.text)), ("current", .bool(id == current)),
        ("created_at", .integer(createdAt.seconds)),
        ("last_used_at", .integer(lastUsedAt.seconds)),
        ("expires_at", .integer(refreshExpiry(lifetime: lifetime).seconds)),
        ("address", .string(address)), ("user_agent", .string(userAgent)),
      ]))
  }
}
