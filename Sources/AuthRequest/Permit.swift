package import Accounts
import Authentication
import Configuration
import Gate
import Logging
package import Routes
import Token

/// Whom a request is allowed for, and how long that may be remembered.
package struct Permit: Sendable {
  package let accountSession: AccountSession
  /// From when and until when the credential's own times allow it, and the session's end.
  let from: NumericDate
  let until: NumericDate
  /// The refresh generation that is now known to have reached the client; nil where nothing is new.
  let confirmed: Int64?

  package var account: Account { accountSession.account }
  var session: Session { accountSession.session }
}

extension VerifiedCredential {
  /// The session that the credential names.
  var session: SessionID {
    switch self {
    case .access(let token): token.claims.session
    case .gate(let token, _): token.claims.session
    }
  }
}

extension Call {
  /// Holds a verified credential to its session and account as the store has them, and a gate
  /// cookie to what it may open.
  ///
  /// - Throws: `invalid_token`, `cross_site`; the reason is in the log.
  package func permit(
    _ credential: VerifiedCredential, _ accountSession: AccountSession?
  ) throws(Refusal) -> Permit {
    switch credential {
    case .access(let token): try permit(token, accountSession)
    case .gate(let token, let use): try permit(token, use, accountSession)
    }
  }

  private func permit(
    _ token: VerifiedAccessToken, _ accountSession: AccountSession?
  ) throws(Refusal) -> Permit {
    let caller = try caller(token, accountSession)
    let claims = token.claims
    let isNew = caller.session.confirming(generation: claims.generation) != nil
    return Permit(
      accountSession: caller.accountSession, from: earliest(claims.issuedAt),
      until: min(claims.expires + settings.leeway, caller.session.endsAt),
      confirmed: isNew ? claims.generation : nil)
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
      accountSession: accountSession, from: earliest(claims.issuedAt), until: until,
      confirmed: nil)
  }

  private func earliest(_ issuedAt: NumericDate) -> NumericDate {
    issuedAt + -settings.leeway.components.seconds
  }
}
