// Chooses the refresh token that counts if a request has several cookies.
//
// The contract's section 3; T144.

package import Accounts
package import Token

/// The refresh token that a request presents.
package enum PresentedRefreshToken: Equatable, Sendable {
  /// There is no token that counts.
  case none
  /// One token; `isBound` tells whether the request contains the binding of its session.
  case one(VerifiedRefreshToken, isBound: Bool)
  /// There are tokens of several sessions, and no binding tells which session is the browser's.
  case several([VerifiedRefreshToken])
}

extension PresentedRefreshToken {
  /// Chooses among the refresh tokens of a request; the order of the cookies does not matter.
  ///
  /// If there is a binding, tokens of other sessions count as absent, because somebody has planted
  /// them. Without a binding only tokens that are older than bindings can count; the decision then
  /// depends on the time of issue. Of several tokens of one session the newest generation is
  /// presented.
  ///
  /// - Parameters:
  ///   - tokens: The verified tokens.
  ///   - bindings: The values of the companion cookie; two or more count as none.
  ///   - bindingOf: Returns the binding of a session.
  /// - Throws: The error of `bindingOf`.
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

  /// Chooses among tokens of several sessions in a request without a binding.
  ///
  /// Tokens that need a binding count as absent. Tokens of one older session may remain.
  ///
  /// - Parameters:
  ///   - tokens: The tokens.
  ///   - sessions: The sessions that exist.
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
