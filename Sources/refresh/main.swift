// POST /auth/refresh: spends a refresh token for the next one and a new access token.
//
// RFC 6749 §6; rotation and reuse detection, RFC 9700 §4.14.2. A refusal neither sets nor clears
// the session's cookies: answered late, it would delete newer ones.

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import Routes
import Stores
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: true))
let store = orExit(try openStore(settings))

serve(.post, settings: settings, keys: keys) { call in
  switch try call.refreshToken(keys, store) {
  case .one(let token, isBound: let isBound):
    return .question(call.presenting(token, isBound: isBound))
  case .several, .none:
    return .answer(.refused(.invalidToken, clearingPlanted: call.clearingPlantedCookies))
  }
} deciding: { presented in
  try store.refresh(presented)
} answering: { call, presented, outcome in
  switch outcome {
  case .granted(let rotation, let accountSession):
    // The session's own end may have come with a shorter setting.
    let end = accountSession.session.refreshExpiry(lifetime: call.settings.refreshLifetime)
    guard call.time < end else { break }
    call.note(.refreshed, about: presented, reason: "\(rotation)")
    return try call.refreshed(accountSession, keys, rotation, wasBound: presented.isBound)
  case .reuse:
    call.note(.refreshReuse, .warning, about: presented)
  case .refused:
    call.noteLimited(
      .refreshRefused, account: presented.account, session: presented.session,
      reason: "the session has ended, or the token is not bound to this browser")
  case .failed(let error):
    throw error
  }
  return .refused(.invalidToken, clearingPlanted: call.clearingPlantedCookies)
}
