// POST /auth/logout: ends this session and clears the session's cookies; 204 whatever was presented.
//
// An expired access token will do: who holds it may end what it stood for, and nothing else. No
// difference shows whether there was a session (OWASP ASVS 5.0 7.4.1).

import Accounts
import Configuration
import Launch
import Logging
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))
let store = orExit(try openStore(settings))

serve(.post, settings: settings, keys: keys) { call in
  guard let token = try? call.accessToken(keys, allowingExpired: true) else {
    return .done(clearingCookies: true)
  }
  let claims = token.claims
  if try store.endSession(claims.session, of: claims.subject) {
    call.note(.loggedOut, account: claims.subject, session: claims.session)
  }
  return .done(clearingCookies: true)
}
