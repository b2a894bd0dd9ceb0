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

serve(.post, settings: settings, keys: keys) { call in
  switch call.refreshCookie(keys) {
  case .one(let token):
    return .question(call.presenting(token))
  case .several:
    call.note(.cookieDuplicate)
    fallthrough
  case .none:
    return .answer(.refused(.invalidToken, cookies: call.cookiesAgainstPlanting))
  }
} deciding: { presented in
  try store.refresh(presented)
} answering: { call, presented, outcome in
  let planted = call.cookiesAgainstPlanting
  switch outcome {
  case .granted(let rotation, let standing):
    // The session's own end may have come with a shorter setting.
    let end = standing.session.refreshExpiry(lifetime: call.settings.refreshLifetime)
    guard call.time < end else { break }
    call.note(.refreshed, about: presented, reason: "\(rotation)")
    var tokens = try call.tokens(for: standing, keys, withCookie: rotation != .keep)
    // Ours last: a browser that takes the two for one keeps the good one.
    tokens.cookies = planted + tokens.cookies
    return .tokens(tokens)
  case .reuse:
    call.note(.refreshReuse, .warning, about: presented)
  case .refused:
    call.note(.refreshRefused, about: presented)
  case .failed(let error):
    throw error
  }
  return .refused(.invalidToken, cookies: planted)
}
