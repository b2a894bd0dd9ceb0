// Issues the access token, the refresh token and the gate tokens of a session.
//
// This file chooses the claims and the lifetimes (the contract's sections 2 and 10). The module
// `Token` signs them.

package import Accounts
package import Configuration
package import Token

/// A token and its lifetime.
package struct IssuedToken: Equatable, Sendable {
  package let text: String
  /// The number of seconds until the token expires.
  package let lifetime: Int64
}

extension KeyStore {
  /// Issues an access token for a session.
  ///
  /// - Parameters:
  ///   - accountSession: The stored session and its account.
  ///   - now: The time of the request.
  ///   - settings: The issuer, the audience and the lifetime.
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
  ///   - accountSession: The stored session and its account.
  ///   - site: The site at which the token counts.
  ///   - now: The time of the request.
  ///   - settings: The issuer and the lifetime.
  /// - Returns: The token, which expires with its session at the latest.
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

  /// Issues the refresh token of a session's live generation.
  ///
  /// The token is a pure function of the generation. If it is sent again, it is the same byte for
  /// byte, so that all tabs of a browser get the same cookie.
  ///
  /// - Parameters:
  ///   - session: The stored session.
  ///   - now: The time of the request.
  ///   - settings: The issuer and the lifetime.
  /// - Returns: The token.
  /// - Throws: `TokenError.signing` if this program has no secret.
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
