// Decides whether an access token or a gate token counts.
//
// The routes, `check` and the administrator's command all use these functions. So whatever ends a
// session ends it everywhere at the next request.

package import Accounts
package import Configuration
package import Token

/// The caller of a request: an access token that counts, its session and its account.
package struct Caller: Sendable {
  package let token: VerifiedAccessToken
  package let accountSession: AccountSession

  package var account: Account { accountSession.account }
  package var session: Session { accountSession.session }
}

/// The reason why a token does not count, for the log and never for the client.
package enum AccessTokenRejection: Error, Equatable, Sendable {
  /// The signature or a claim is wrong.
  case token(TokenError)
  /// The session of the token does not exist any more.
  case sessionEnded(TokenIdentity)
  /// The account is disabled.
  case accountDisabled(TokenIdentity)
  /// The session has ended, the version of the account was raised, or the session has never issued
  /// this generation.
  case outdated(TokenIdentity)

  /// One line for the log, without any part of the token.
  package var reason: String {
    switch self {
    case .token(let error): error.reason
    case .sessionEnded: "no such session"
    case .accountDisabled: "account disabled"
    case .outdated: "session expired or version outdated"
    }
  }

  /// The subject of the token if its signature and claims are right, otherwise nil.
  package var identity: TokenIdentity? {
    switch self {
    case .token: nil
    case .sessionEnded(let identity), .accountDisabled(let identity), .outdated(let identity):
      identity
    }
  }
}

/// The account and the session in the claims of a token.
package struct TokenIdentity: Equatable, Sendable {
  package let account: AccountID
  package let session: SessionID
  /// The token version that the account had when the token was issued.
  let version: Int64
}

extension KeyStore {
  /// Verifies the signature and the claims of an access token, but not its session.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - settings: The issuer, the audience, the leeway and the maximum lifetime.
  ///   - now: The time of the request.
  ///   - allowingExpired: Whether `exp` may lie in the past. A client may sign out with an expired
  ///     token, also if the token was issued with a longer lifetime.
  /// - Returns: The token.
  /// - Throws: The first defect.
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
  /// Verifies the signature and the claims of a gate token, but not its session.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - site: The site at which the token was presented.
  ///   - settings: The issuer, the leeway and the maximum lifetime.
  ///   - now: The time of the request.
  /// - Returns: The token.
  /// - Throws: The first defect.
  package func verify(
    gate token: [UInt8], at site: Origin, under settings: Settings, at now: NumericDate
  ) throws(TokenError) -> VerifiedGateToken {
    try verifyGate(
      token, issuer: settings.issuer.text, site: site.text, at: now, leeway: settings.leeway,
      maximumLifetime: settings.gateLifetime)
  }
}

/// Decides whether a verified access token counts.
///
/// It counts if its session lives, its account accepts its version, and the session has issued its
/// generation.
///
/// - Parameters:
///   - token: The verified token.
///   - accountSession: The stored session of the token and its account; nil if there is none.
///   - now: The time of the request.
/// - Returns: The caller.
/// - Throws: The reason why the token does not count.
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

/// Decides whether a verified gate token counts.
///
/// It counts if its session lives and its account accepts its version.
///
/// - Parameters:
///   - token: The verified token.
///   - accountSession: The stored session of the token and its account; nil if there is none.
///   - now: The time of the request.
/// - Returns: The session and its account.
/// - Throws: The reason why the token does not count.
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
