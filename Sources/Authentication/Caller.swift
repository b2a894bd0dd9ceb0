// The one function that decides whether an access token counts. Bearer routes, `check` and the
// administrator's command ask here, so whatever ends a session ends it everywhere, at the next
// request.

package import Accounts
package import Configuration
package import Token

/// Who an access token speaks for: the token, its session and its account, all found good.
package struct Caller: Sendable {
  package let token: VerifiedAccessToken
  package let accountSession: AccountSession

  package var account: Account { accountSession.account }
  package var session: Session { accountSession.session }
}

/// Why an access token does not count; it is for the log, never for the client.
package enum AccessTokenRejection: Error, Equatable, Sendable {
  /// The signature or a claim does not hold.
  case token(TokenError)
  /// The token's session does not exist any more.
  case sessionEnded(TokenIdentity)
  /// The account is disabled.
  case accountDisabled(TokenIdentity)
  /// The session is over, the account's version has been raised, or the generation is none that
  /// the session has issued.
  case outdated(TokenIdentity)

  /// One line without anything of the token.
  package var reason: String {
    switch self {
    case .token(let error): error.reason
    case .sessionEnded: "no such session"
    case .accountDisabled: "account disabled"
    case .outdated: "session expired or version outdated"
    }
  }

  /// Whom a token that verified speaks for; nil where it did not verify.
  package var identity: TokenIdentity? {
    switch self {
    case .token: nil
    case .sessionEnded(let identity), .accountDisabled(let identity), .outdated(let identity):
      identity
    }
  }
}

/// Whom a token speaks for, by its claims.
package struct TokenIdentity: Equatable, Sendable {
  package let account: AccountID
  package let session: SessionID
  /// The account's token version when the token was issued.
  let version: Int64
}

extension KeyStore {
  /// Verifies the signature and the claims of an access token, without looking at its session.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - settings: Issuer, audience, leeway and the longest life that is believed.
  ///   - now: The time of the request.
  ///   - allowingExpired: Whether `exp` may lie in the past: whoever holds an expired token, also
  ///     one that was issued under a longer lifetime, may still sign out with it.
  /// - Returns: The token, its claims all held.
  /// - Throws: The first thing that does not hold.
  package func verify(
    _ token: [UInt8], under settings: Settings, at now: NumericDate, allowingExpired: Bool = false
  ) throws(TokenError) -> VerifiedAccessToken {
    try verifyAccess(
      token, issuer: settings.issuer.text, audience: settings.audience, at: now,
      leeway: settings.leeway,
      maximumLifetime: allowingExpired ? .seconds(86_400) : settings.accessLifetime,
      allowExpired: allowingExpired)
  }
}

extension KeyStore {
  /// Verifies the signature and the claims of a gate token, without looking at its session.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - site: The site at which it was presented.
  ///   - settings: Issuer, leeway and the longest life that is believed.
  ///   - now: The time of the request.
  /// - Returns: The token, its claims all held.
  /// - Throws: The first thing that does not hold.
  package func verify(
    gate token: [UInt8], at site: Origin, under settings: Settings, at now: NumericDate
  ) throws(TokenError) -> VerifiedGateToken {
    try verifyGate(
      token, issuer: settings.issuer.text, site: site.text, at: now, leeway: settings.leeway,
      maximumLifetime: settings.gateLifetime)
  }
}

/// Decides whether a verified access token counts: its session lives, its account accepts its
/// version, and its generation is one that the session has issued.
///
/// - Parameters:
///   - token: The verified token.
///   - accountSession: The session that the token names, as the store has it; nil if there is none.
///   - now: The time of the request.
/// - Returns: The caller.
/// - Throws: Why it does not count.
package func authenticate(
  _ token: VerifiedAccessToken, _ accountSession: AccountSession?, at now: NumericDate
) throws(AccessTokenRejection) -> Caller {
  let claims = token.claims
  let identity = TokenIdentity(
    account: claims.subject, session: claims.session, version: claims.version)
  let accountSession = try accept(identity, accountSession, at: now)
  guard accountSession.accepts(generation: claims.generation) else { throw .outdated(identity) }
  return Caller(token: token, accountSession: accountSession)
}

/// Decides whether a verified gate token counts: its session lives, and its account accepts its
/// version.
///
/// - Parameters:
///   - token: The verified token.
///   - accountSession: The session that the token names, as the store has it; nil if there is none.
///   - now: The time of the request.
/// - Returns: The session with its account.
/// - Throws: Why it does not count.
package func authenticate(
  _ token: VerifiedGateToken, _ accountSession: AccountSession?, at now: NumericDate
) throws(AccessTokenRejection) -> AccountSession {
  let claims = token.claims
  return try accept(
    TokenIdentity(account: claims.subject, session: claims.session, version: claims.version),
    accountSession, at: now)
}

private func accept(
  _ identity: TokenIdentity, _ accountSession: AccountSession?, at now: NumericDate
) throws(AccessTokenRejection) -> AccountSession {
  guard let accountSession else { throw .sessionEnded(identity) }
  guard accountSession.accepts(account: identity.account, version: identity.version, at: now)
  else {
    throw accountSession.account.isDisabled ? .accountDisabled(identity) : .outdated(identity)
  }
  return accountSession
}
