// Issues the access token and the refresh token of a session.
//
// This file decides the claims and the lifetimes (the contract's section 2). `Token` signs them.

package import Accounts
package import Configuration
package import Token

/// A token and how long it lives.
package struct IssuedToken: Equatable, Sendable {
  package let text: String
  /// Seconds until it expires.
  package let lifetime: Int64
}

extension KeyStore {
  /// Issues an access token for a session.
  ///
  /// - Parameters:
  ///   - accountSession: The session as it is stored, and its account.
  ///   - now: The time of the request.
  ///   - settings: Issuer, audience and lifetime.
  /// - Returns: The token.
  /// - Throws: `TokenError` if it cannot be signed; `RandomError`.
  package func accessToken(
    for accountSession: AccountSession, at now: NumericDate, under settings: Settings
  ) throws -> IssuedToken {
    let session = accountSession.session
    let account = accountSession.account
    let expires = session.expiry(at: now, lifetime: settings.accessLifetime)
    let token = try issue(
      AccessClaims(
        issuer: settings.issuer.text, audience: settings.audience, subject: account.id,
        issuedAt: now, expires: expires, tokenID: try Random.identifier(), session: session.id,
        generation: session.generation, version: session.version, username: account.username.text,
        groups: account.groups.map(\.text)))
    return IssuedToken(text: token, lifetime: expires - now)
  }

  /// Issues a gate token of a session for a site.
  ///
  /// - Parameters:
  ///   - accountSession: The session as it is stored, and its account.
  ///   - site: The site that it opens.
  ///   - now: The time of the request.
  ///   - settings: Issuer and lifetime.
  /// - Returns: The token; it lives no longer than its session.
  /// - Throws: `TokenError` if it cannot be signed; `RandomError`.
  package func gateToken(
    for accountSession: AccountSession, to site: Origin, at now: NumericDate,
    under settings: Settings
  ) throws -> IssuedToken {
    let session = accountSession.session
    let expires = session.expiry(at: now, lifetime: settings.gateLifetime)
    let token = try issue(
      GateClaims(
        issuer: settings.issuer.text, site: site.text, subject: accountSession.account.id,
        session: session.id, version: session.version, issuedAt: now, expires: expires,
        tokenID: try Random.identifier()))
    return IssuedToken(text: token, lifetime: expires - now)
  }

  /// The refresh token of a session's live generation.
  ///
  /// It is a pure function of that generation: sent again, it is the same token byte for byte, so
  /// any number of tabs converge on one cookie.
  ///
  /// - Parameters:
  ///   - session: The session as it is stored.
  ///   - now: The time of the request.
  ///   - settings: Issuer and lifetime.
  /// - Returns: The token.
  /// - Throws: `TokenError.signing` if this program holds no secret.
  package func refreshToken(
    of session: Session, at now: NumericDate, under settings: Settings
  ) throws(TokenError) -> IssuedToken {
    let end = session.refreshExpiry(lifetime: settings.refreshLifetime)
    let token = try issueRefresh(
      RefreshClaims(
        issuer: settings.issuer.text, subject: session.account, issuedAt: session.rotatedAt,
        expires: end, session: session.id, generation: session.generation,
        version: session.version))
    return IssuedToken(text: token, lifetime: end - now)
  }
}
