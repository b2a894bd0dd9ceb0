// POST /auth/refresh: spends a refresh token for the next one and a new access token.
//
// RFC 6749 §6; rotation and reuse detection, RFC 9700 §4.14.2. A refusal neither sets nor clears
// the cookie: answered late, it would delete a newer one.

import Accounts
import Endpoint
import Store
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: true))
let store = orExit(try SQLiteStore(at: settings.database))

serve(.post, settings: settings, keys: keys, threads: 32) { call in
  let planted = call.cookiesAgainstPlanting
  switch call.refreshCookie(keys) {
  case .none:
    return .refused(.invalidToken, cookies: planted)
  case .several:
    call.note(.cookieDuplicate)
    return .refused(.invalidToken, cookies: planted)
  case .one(let presented):
    let claims = presented.claims
    let outcome = try store.refresh(
      claims.session, account: claims.subject, version: claims.version,
      presenting: claims.generation, at: call.time, reuseWindow: call.settings.reuseWindow)
    switch outcome {
    case .granted(let rotation, let standing):
      // The session's own end may have come with a shorter setting.
      let end = standing.session.refreshExpiry(lifetime: call.settings.refreshLifetime)
      guard call.time < end else { break }
      call.note(.refreshed, account: claims.subject, session: claims.session, reason: "\(rotation)")
      var tokens = try call.tokens(for: standing, keys, withCookie: rotation != .keep)
      // Ours last: a browser that takes the two for one keeps the good one.
      tokens.cookies = planted + tokens.cookies
      return .tokens(tokens)
    case .reuse:
      call.note(.refreshReuse, .warning, account: claims.subject, session: claims.session)
    case .refused:
      call.note(.refreshRefused, account: claims.subject, session: claims.session)
    }
    return .refused(.invalidToken, cookies: planted)
  }
}
