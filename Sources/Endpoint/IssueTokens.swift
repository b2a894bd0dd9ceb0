package import Accounts
import FastCGI
package import Token

extension Call {
  /// The answer with a new access token, and the refresh token where the client needs it.
  ///
  /// The refresh token is a pure function of the session's live generation: sent again, it is
  /// the same token byte for byte, so any number of tabs converge on one cookie.
  ///
  /// - Parameters:
  ///   - standing: The session as it is stored, and its account.
  ///   - keys: What signs.
  ///   - withCookie: Whether the refresh token goes out too.
  /// - Returns: Tokens for the answer.
  /// - Throws: What signing throws.
  package func tokens(
    for standing: Standing, _ keys: KeyStore, withCookie: Bool
  ) throws -> TokensAnswer {
    let session = standing.session
    let account = standing.account
    let expires = session.accessExpiry(at: time, lifetime: settings.accessLifetime)
    let access = try keys.issue(
      AccessClaims(
        issuer: settings.issuer.text, audience: settings.audience, subject: account.id,
        issuedAt: time, expires: expires, tokenID: try Random.identifier(),
        session: session.id, generation: session.generation, version: session.version,
        username: account.username.text, groups: account.groups.map(\.text)))

    var cookies: [String] = []
    if withCookie {
      let end = session.refreshExpiry(lifetime: settings.refreshLifetime)
      let refresh = try keys.issueRefresh(
        RefreshClaims(
          issuer: settings.issuer.text, subject: account.id, issuedAt: session.rotatedAt,
          expires: end, session: session.id, generation: session.generation,
          version: session.version))
      cookies = [RefreshCookie.storing(refresh, seconds: end - time, path: cookiePath)]
    }
    return TokensAnswer(
      accessToken: access, expiresIn: expires - time, account: account, cookies: cookies)
  }

  /// An account that begins with this request.
  ///
  /// - Throws: What the system's random source throws.
  package func newAccount(named username: Username) throws -> Account {
    guard let id = AccountID(try Random.identifier()) else { throw Refusal.internalError }
    return Account(id: id, username: username, createdAt: time)
  }

  /// A session for an account that begins with this request.
  ///
  /// - Throws: What the system's random source throws.
  package func newSession(for account: AccountID, version: Int64) throws -> Session {
    guard let id = SessionID(try Random.identifier()) else { throw Refusal.internalError }
    return Session(
      starting: id, account: account, version: version, at: time,
      lifetime: settings.sessionLifetime, address: address, userAgent: userAgent)
  }

  /// The refresh token among this request's cookies.
  ///
  /// Values that do not verify count as absent: a sibling host can plant any number of them.
  package func refreshCookie(_ keys: KeyStore) -> PresentedCookie {
    var verified: [VerifiedRefreshToken] = []
    for value in RefreshCookie.values(in: request.parameters) {
      do throws(TokenError) {
        verified.append(
          try keys.verifyRefresh(value, issuer: settings.issuer.text, at: time))
      } catch {
        note(.refreshRefused, reason: error.reason)
      }
    }
    guard let first = verified.first else { return .none }
    return verified.count == 1 ? .one(first) : .several
  }

  /// A verified refresh token as the store is asked about it.
  package func presenting(_ token: VerifiedRefreshToken) -> Presented {
    let claims = token.claims
    return Presented(
      session: claims.session, account: claims.subject, version: claims.version,
      generation: claims.generation, at: time, reuseWindow: settings.reuseWindow)
  }

  /// A log line about a refresh token.
  package func note(
    _ event: LogEvent, _ level: LogLevel = .info, about presented: Presented, reason: String? = nil
  ) {
    note(event, level, account: presented.account, session: presented.session, reason: reason)
  }

  /// What deletes planted cookies, where this request brought more than one of the name.
  package var cookiesAgainstPlanting: [String] {
    guard RefreshCookie.values(in: request.parameters).count > 1 else { return [] }
    return RefreshCookie.clearingPlanted(path: cookiePath, issuer: settings.issuer)
  }
}
