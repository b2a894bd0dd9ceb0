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
  case sessionEnded(AccessClaims)
  /// The account is disabled.
  case accountDisabled(AccessClaims)
  /// The session is over, the account's version has been raised, or the generation is none that
  /// the session has issued.
  case outdated(AccessClaims)

  /// One line without anything of the token.
  package var reason: String {
    switch self {
    case .token(let error): error.reason
    case .sessionEnded: "no such session"
    case .accountDisabled: "account disabled"
    case .outdated: "session expired or version outdated"
    }
  }

  /// The claims of a token that verified; nil where it did not.
  package var claims: AccessClaims? {
    switch self {
    case .token: nil
    case .sessionEnded(let claims), .accountDisabled(let claims), .outdated(let claims): claims
    }
  }
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
  guard let accountSession else { throw .sessionEnded(claims) }
  guard accountSession.accepts(account: claims.subject, version: claims.version, at: now),
    accountSession.accepts(generation: claims.generation)
  else { throw accountSession.account.isDisabled ? .accountDisabled(claims) : .outdated(claims) }
  return Caller(token: token, accountSession: accountSession)
}
