// Which refresh token of a request counts, if several cookies came: the contract's section 3, T144.

package import Accounts
package import Token

/// Which refresh token a request presents.
package enum PresentedRefreshToken: Equatable, Sendable {
  /// None that counts.
  case none
  /// One. `isBound` says whether the request brought the binding of its session.
  case one(VerifiedRefreshToken, isBound: Bool)
  /// Tokens of several sessions, and no binding that tells which session is the browser's own.
  case several([VerifiedRefreshToken])
}

extension PresentedRefreshToken {
  /// Chooses among the refresh tokens of one request; the order of cookies says nothing.
  ///
  /// With a binding, tokens of other sessions count as absent: somebody planted them. Without
  /// one, only tokens from before bindings existed can count, which the store decides by the time
  /// they were issued. Of one session's tokens the newest generation is presented.
  ///
  /// - Parameters:
  ///   - tokens: The tokens that verified.
  ///   - bindings: The values of the companion cookie; two or more count as none.
  ///   - bindingOf: The binding of a session.
  /// - Throws: What `bindingOf` throws.
  ///
  /// The contract's section 3; T144.
  package init(
    among tokens: [VerifiedRefreshToken], bindings: [[UInt8]],
    bindingOf: (SessionID) throws(TokenError) -> SessionBinding
  ) throws(TokenError) {
    guard bindings.count == 1 else {
      self = PresentedRefreshToken(newestOf: tokens, isBound: false)
      return
    }
    var own: [VerifiedRefreshToken] = []
    for token in tokens where try bindingOf(token.claims.session).matches(bindings[0]) {
      own.append(token)
    }
    self = PresentedRefreshToken(newestOf: own, isBound: true)
  }

  /// The same choice among several sessions, once they have been read.
  ///
  /// Without a binding, tokens that need one count as absent; those of one older session may be
  /// left.
  ///
  /// - Parameters:
  ///   - tokens: Tokens of several sessions.
  ///   - sessions: Those of the sessions that exist.
  package init(unboundAmong tokens: [VerifiedRefreshToken], sessions: [SessionID: Session]) {
    let older = tokens.filter { token in
      guard let session = sessions[token.claims.session] else { return false }
      return !session.requiresBinding(tokenIssuedAt: token.claims.issuedAt)
    }
    self = PresentedRefreshToken(newestOf: older, isBound: false)
  }

  private init(newestOf tokens: [VerifiedRefreshToken], isBound: Bool) {
    guard let newest = tokens.max(by: { $0.claims.generation < $1.claims.generation }) else {
      self = .none
      return
    }
    let isOneSession = tokens.allSatisfy { $0.claims.session == newest.claims.session }
    self = isOneSession ? .one(newest, isBound: isBound) : .several(tokens)
  }
}
