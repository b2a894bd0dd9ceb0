package import Accounts
package import Authentication
package import Configuration
import FastCGI
package import Logging
package import Token

/// The cookies that go out with an access token.
package enum SessionCookies: Sendable {
  /// None: the browser has them.
  case none
  /// The refresh token.
  case refreshToken
  /// The refresh token and its companion: a session begins.
  case all
}

extension Call {
  /// The answer with a new access token, and the cookies that the client needs.
  ///
  /// - Parameters:
  ///   - accountSession: The session as it is stored, and its account.
  ///   - keys: Sign.
  ///   - cookies: Which cookies go out.
  ///   - planted: `Set-Cookie` values that go before them.
  ///   - created: Whether the account was created by this request, which makes it a 201.
  /// - Returns: The answer.
  /// - Throws: `TokenError`, `RandomError`: nothing can be signed for now.
  package func tokens(
    for accountSession: AccountSession, _ keys: KeyStore, setting cookies: SessionCookies,
    after planted: [String] = [], created: Bool = false
  ) throws -> Answer {
    let session = accountSession.session
    let access = try keys.accessToken(for: accountSession, at: time, under: settings)
    var headers = planted
    if cookies != .none {
      let refresh = try keys.refreshToken(of: session, at: time, under: settings)
      headers.append(
        RefreshCookie.storing(
          refresh.text, seconds: session.isShared ? nil : refresh.lifetime, path: cookiePath))
    }
    if cookies == .all {
      let binding = try keys.binding(of: session.id)
      headers.append(
        BindingCookie.storing(
          binding.text, seconds: session.isShared ? nil : session.expiresAt - time))
    }
    return .tokens(
      TokensAnswer(
        accessToken: access.text, expiresIn: access.lifetime, account: accountSession.account,
        cookies: headers), created: created)
  }

  /// The answer to a refresh.
  ///
  /// The companion goes out too where the request lacked it, which only a session from before
  /// there were companions may. Cookies that a sibling planted are deleted first: a browser that
  /// takes one of those for ours keeps the good one, which comes last.
  package func refreshed(
    _ accountSession: AccountSession, _ keys: KeyStore, _ rotation: Rotation, wasBound: Bool
  ) throws -> Answer {
    let cookies: SessionCookies = !wasBound ? .all : rotation == .keep ? .none : .refreshToken
    return try tokens(
      for: accountSession, keys, setting: cookies, after: clearingPlantedCookies)
  }

  /// The refresh token among this request's cookies.
  ///
  /// Values that do not verify count as absent: a sibling host can plant any number of them.
  ///
  /// - Parameters:
  ///   - keys: Verify the tokens and their bindings.
  ///   - store: Is asked where tokens of several sessions come without a binding.
  /// - Returns: The token to present.
  /// - Throws: `TokenError`, `StoreError`.
  package func refreshToken(
    _ keys: KeyStore, _ store: any AccountStore
  ) throws -> PresentedRefreshToken {
    var verified: [VerifiedRefreshToken] = []
    var refused: TokenError?
    for value in RefreshCookie.values(in: request.parameters) {
      do throws(TokenError) {
        verified.append(
          try keys.verifyRefresh(value, issuer: settings.issuer.text, at: time))
      } catch {
        refused = error
      }
    }
    if let refused { noteLimited(.refreshRefused, reason: refused.reason) }
    let presented = try PresentedRefreshToken(
      among: verified, bindings: BindingCookie.values(in: request.parameters)
    ) { session throws(TokenError) in try keys.binding(of: session) }
    guard case .several(let tokens) = presented else { return presented }
    noteLimited(.cookieDuplicate, reason: "tokens of several sessions without a companion")
    let sessions = try store.accountSessions(of: tokens.map(\.claims.session))
    return PresentedRefreshToken(
      unboundAmong: tokens, sessions: try sessions.mapValues { try $0.get().session })
  }

  /// A verified refresh token as the store is asked about it.
  package func presenting(_ token: VerifiedRefreshToken, isBound: Bool) -> Presented {
    let claims = token.claims
    return Presented(
      session: claims.session, account: claims.subject, version: claims.version,
      generation: claims.generation, issuedAt: claims.issuedAt, isBound: isBound, at: time,
      reuseWindow: settings.reuseWindow)
  }

  /// Writes a log line about a refresh token.
  package func note(
    _ event: LogEvent, _ level: LogLevel = .info, about presented: Presented, reason: String? = nil
  ) {
    note(event, level, account: presented.account, session: presented.session, reason: reason)
  }

  /// The `Set-Cookie` values that delete planted refresh cookies, if the request brought several
  /// cookies of the name: a browser keeps one of ours.
  package var clearingPlantedCookies: [String] {
    guard RefreshCookie.values(in: request.parameters).count > 1 else { return [] }
    return RefreshCookie.clearingPlanted(path: cookiePath, issuer: settings.issuer)
  }
}
