// Who calls: an access token that verifies, for a session that lives, of an account that honours
// its version. Every bearer route and `check` ask here, so that what ends a session ends it
// everywhere, at the next request.

package import Accounts
import FastCGI
package import Token
import Wire

/// A request's verified caller.
package struct Caller: Sendable {
  package let token: VerifiedAccessToken
  package let standing: Standing

  package var account: Account { standing.account }
  package var session: Session { standing.session }
}

extension Call {
  /// The bytes of the one bearer token of this request.
  ///
  /// RFC 6750 §2.1: only the `Authorization` header, never the query, a body or a cookie.
  ///
  /// - Throws: `invalid_token` where there is none, two, or a malformed one.
  package func bearerToken() throws(Refusal) -> [UInt8] {
    switch request.parameters.value("HTTP_AUTHORIZATION") {
    case .absent:
      note(.tokenRefused, .debug, reason: "no token")
    case .repeated:
      note(.tokenRefused, reason: "two Authorization headers")
    case .single(let header):
      switch Authorization.bearer(header) {
      case .token(let token): return Array(token)
      case .none: note(.tokenRefused, .debug, reason: "no bearer token")
      case .malformed: note(.tokenRefused, reason: "malformed Authorization header")
      }
    }
    throw .invalidToken
  }

  /// The access token of this request, verified; an expired one too where that will do.
  package func accessToken(
    _ keys: KeyStore, allowingExpired: Bool = false
  ) throws(Refusal) -> VerifiedAccessToken {
    let bytes = try bearerToken()
    do throws(TokenError) {
      return try verify(bytes, keys, allowingExpired: allowingExpired)
    } catch {
      throw refusal(of: error)
    }
  }

  /// Holds the bytes of an access token to the keys and to the settings of this request.
  ///
  /// - Throws: What does not hold.
  func verify(
    _ token: [UInt8], _ keys: KeyStore, allowingExpired: Bool = false
  ) throws(TokenError) -> VerifiedAccessToken {
    try keys.verifyAccess(
      token, issuer: settings.issuer.text, audience: settings.audience, at: time,
      leeway: settings.leeway,
      // Who holds an older token of ours, made with a longer life, may still sign out with it.
      maximumLifetime: allowingExpired ? .seconds(86_400) : settings.accessLifetime,
      allowExpired: allowingExpired)
  }

  /// What a token that does not hold is answered; the reason is in the log.
  func refusal(of error: TokenError) -> Refusal {
    note(.tokenRefused, reason: error.reason)
    return .invalidToken
  }

  /// The caller of this request; its generation is confirmed on the way.
  ///
  /// - Throws: `invalid_token`, or what the store throws.
  package func caller(_ keys: KeyStore, _ store: any AccountStore) throws -> Caller {
    let token = try accessToken(keys)
    let caller = try caller(token, try store.standing(of: token.claims.session))
    confirm(caller, store)
    return caller
  }

  /// Holds a verified token to its session and account as they stand; nil where there is none.
  ///
  /// - Throws: `invalid_token`.
  package func caller(
    _ token: VerifiedAccessToken, _ standing: Standing?
  ) throws(Refusal) -> Caller {
    guard let standing else {
      note(.tokenRefused, session: token.claims.session, reason: "no such session")
      throw Refusal.invalidToken
    }
    try honour(token, standing)
    return Caller(token: token, standing: standing)
  }

  /// Holds a verified token to its session and account as they stand.
  ///
  /// - Throws: `invalid_token`; the reason is in the log.
  private func honour(_ token: VerifiedAccessToken, _ standing: Standing) throws(Refusal) {
    let claims = token.claims
    guard
      standing.honours(account: claims.subject, version: claims.version, at: time),
      standing.honours(generation: claims.generation)
    else {
      note(
        .tokenRefused, account: claims.subject, session: claims.session,
        reason: standing.account.isDisabled
          ? "account disabled" : "session expired or version outdated")
      throw .invalidToken
    }
  }

  /// Notes that the client has this generation; failing to is no reason to refuse it.
  private func confirm(_ caller: Caller, _ store: any AccountStore) {
    let generation = caller.token.claims.generation
    guard caller.session.confirming(generation: generation) != nil else { return }
    do throws(StoreError) {
      try store.confirm([(caller.session.id, generation)])
    } catch {
      note(.unavailable, .warning, session: caller.session.id, reason: error.reason)
    }
  }
}
