package import Accounts
package import Authentication
import Configuration
import FastCGI
import Logging
package import Token
import Wire

extension Call {
  /// The bytes of the one bearer token of this request.
  ///
  /// RFC 6750 §2.1: only the `Authorization` header, never the query, a body or a cookie.
  ///
  /// - Throws: `invalid_token` where there is none, two, or a malformed one.
  package func bearerToken() throws(Refusal) -> [UInt8] {
    if case .single(let header) = request.parameters.value("HTTP_AUTHORIZATION"),
      case .token(let token) = Authorization.bearer(header)
    {
      return Array(token)
    }
    noteMissingToken()
    throw .invalidToken
  }

  /// Writes a log line that says why the request has no token: none, two, or a malformed one.
  package func noteMissingToken() {
    switch request.parameters.value("HTTP_AUTHORIZATION") {
    case .absent:
      note(.tokenRefused, .debug, reason: "no token")
    case .repeated:
      noteLimited(.tokenRefused, reason: "two Authorization headers")
    case .single(let header):
      if case .malformed = Authorization.bearer(header) {
        noteLimited(.tokenRefused, reason: "malformed Authorization header")
      } else {
        note(.tokenRefused, .debug, reason: "no bearer token")
      }
    }
  }

  /// The access token of this request, verified; an expired one too where that will do.
  ///
  /// - Throws: `invalid_token`; the reason is in the log.
  package func accessToken(
    _ keys: KeyStore, allowingExpired: Bool = false
  ) throws(Refusal) -> VerifiedAccessToken {
    let bytes = try bearerToken()
    do throws(TokenError) {
      return try keys.verify(bytes, under: settings, at: time, allowingExpired: allowingExpired)
    } catch {
      throw refusal(of: .token(error))
    }
  }

  /// The caller of this request; the generation of the token is confirmed on the way.
  ///
  /// - Throws: `invalid_token`, or `StoreError`.
  package func caller(_ keys: KeyStore, _ store: any AccountStore) throws -> Caller {
    let token = try accessToken(keys)
    let caller = try caller(token, try store.accountSession(of: token.claims.session))
    confirm(caller, store)
    return caller
  }

  /// The caller of a verified token, held to its session and account as the store has them.
  ///
  /// - Throws: `invalid_token`; the reason is in the log.
  package func caller(
    _ token: VerifiedAccessToken, _ accountSession: AccountSession?
  ) throws(Refusal) -> Caller {
    do throws(AccessTokenRejection) {
      return try authenticate(token, accountSession, at: time)
    } catch {
      throw refusal(of: error)
    }
  }

  /// The refusal of a token that does not count; the reason goes into the log alone.
  package func refusal(of rejection: AccessTokenRejection) -> Refusal {
    noteLimited(
      .tokenRefused, account: rejection.identity?.account, session: rejection.identity?.session,
      reason: rejection.reason)
    return .invalidToken
  }

  /// Stores that the client has this generation; failing to is no reason to refuse it.
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
