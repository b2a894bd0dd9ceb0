package import Accounts
import Authentication
import Configuration
import Gate
import Logging
package import Routes
import Token

/// Whom a request is allowed for, and how long that may be remembered.
package struct Permit: Sendable {
  package let account: Account
  /// The identifier of the session or of the device token.
  let identifier: String
  /// From when and until when the credential's own times allow it, and the session's end.
  let from: NumericDate
  let until: NumericDate
  /// What is to be written of it later; nil where nothing is new.
  let news: News?

  enum News: Sendable {
    /// The refresh generation that is now known to have reached the client.
    case confirmed(SessionID, Int64)
    /// The device token with this digest was used.
    case used(String)
  }
}

extension Call {
  /// Holds a verified credential to its session or device token and its account as the store has
  /// them, a gate cookie to what it may open, and a device token to what it was made for.
  ///
  /// - Throws: `invalid_token`, `cross_site`, `insufficient_scope`; the reason is in the log.
  package func permit(
    _ credential: VerifiedCredential, _ holder: Holder?
  ) throws(Refusal) -> Permit {
    switch credential {
    case .access(let token): try permit(token, holder?.session)
    case .gate(let token, let use): try permit(token, use, holder?.session)
    case .device(let digest, let username, let use):
      try permit(digest, username, use, holder?.device)
    }
  }

  private func permit(
    _ token: VerifiedAccessToken, _ accountSession: AccountSession?
  ) throws(Refusal) -> Permit {
    let caller = try caller(token, accountSession)
    let claims = token.claims
    let isNew = caller.session.confirming(generation: claims.generation) != nil
    return Permit(
      account: caller.account, identifier: caller.session.id.text,
      from: earliest(claims.issuedAt),
      until: min(claims.expires + settings.leeway, caller.session.endsAt),
      news: isNew ? .confirmed(caller.session.id, claims.generation) : nil)
  }

  private func permit(
    _ token: VerifiedGateToken, _ use: GateUse, _ found: AccountSession?
  ) throws(Refusal) -> Permit {
    let accountSession: AccountSession
    do throws(AccessTokenRejection) {
      accountSession = try authenticate(token, found, at: time)
    } catch {
      throw refusal(of: error)
    }
    let claims = token.claims
    var until = min(claims.expires + settings.leeway, accountSession.session.endsAt)
    switch use {
    case .own:
      break
    case .document:
      // `enter` renews the cookie on the way; the middle of its life is early enough for a page
      // that stays open.
      let middle = claims.issuedAt + .seconds((claims.expires - claims.issuedAt) / 2)
      guard time < middle else {
        note(
          .tokenRefused, .debug, account: claims.subject, session: claims.session,
          reason: "the gate cookie is to be renewed")
        throw .invalidToken
      }
      until = min(until, middle)
    case .foreign:
      noteLimited(
        .crossSite, account: claims.subject, session: claims.session,
        reason: "another site made the browser send its gate cookie")
      throw .crossSite
    }
    return Permit(
      account: accountSession.account, identifier: accountSession.session.id.text,
      from: earliest(claims.issuedAt), until: until, news: nil)
  }

  private func permit(
    _ digest: String, _ username: Username?, _ use: DeviceUse, _ found: AccountDevice?
  ) throws(Refusal) -> Permit {
    guard let found else { throw deviceRefusal(.unknown, nil) }
    let request = DeviceRequest(username: username, site: site?.text, writes: use != .reading)
    if let reason = found.refusal(of: request, at: time), use != .foreign || reason != .readOnly {
      throw deviceRefusal(reason, found)
    }
    guard use != .foreign else {
      noteLimited(
        .crossSite, account: found.account.id,
        reason: "another site made the browser send its device token")
      throw .crossSite
    }
    // Decided anew every hour, so that its last use is written every hour.
    let hour = time.startOfHour
    let until = min(hour + 3_600, found.device.expiresAt ?? hour + 3_600)
    return Permit(
      account: found.account, identifier: found.device.id.text, from: hour, until: until,
      news: found.device.used(at: time) == nil ? nil : .used(digest))
  }

  private func deviceRefusal(_ reason: DeviceRefusal, _ found: AccountDevice?) -> Refusal {
    noteLimited(
      .tokenRefused, account: found?.account.id,
      reason: found.map { "\(reason.rawValue), \($0.device.id.prefix)" } ?? reason.rawValue)
    return reason == .readOnly ? .insufficientScope : .invalidToken
  }

  private func earliest(_ issuedAt: NumericDate) -> NumericDate {
    issuedAt + -settings.leeway.components.seconds
  }
}
