// What happens when a refresh token is presented, and when an access token confirms that its
// successor has arrived.
//
// RFC 6749 §6, RFC 9700 §4.14.2.

/// A verified refresh token in a request.
package struct Presented: Equatable, Sendable {
  package let session: SessionID
  package let account: AccountID
  package let version: Int64
  package let generation: Int64
  package let issuedAt: NumericDate
  package let isBound: Bool
  package let time: NumericDate
  package let reuseWindow: Duration

  /// - Parameters:
  ///   - session: The token's `sid`.
  ///   - account: The token's `sub`.
  ///   - version: The token's `ver`.
  ///   - generation: The token's `gen`.
  ///   - issuedAt: The token's `iat`.
  ///   - isBound: Whether the request contains the companion cookie of this session.
  ///   - time: The time of the request.
  ///   - reuseWindow: How long a confirmed session still answers the previous token.
  package init(
    session: SessionID, account: AccountID, version: Int64, generation: Int64,
    issuedAt: NumericDate, isBound: Bool, at time: NumericDate, reuseWindow: Duration
  ) {
    self.session = session
    self.account = account
    self.version = version
    self.generation = generation
    self.issuedAt = issuedAt
    self.isBound = isBound
    self.time = time
    self.reuseWindow = reuseWindow
  }

  /// Decides what this token does to its session.
  ///
  /// It reads no clock and changes nothing.
  ///
  /// - Parameter found: The stored session of the token and its account; nil if there is none.
  /// - Returns: The decision, which the caller must carry out in the same transaction.
  package func decision(for found: AccountSession?) -> RefreshDecision {
    guard let found, found.accepts(account: account, version: version, at: time) else {
      return .refuse
    }
    // A sibling site can plant a refresh cookie, but not the companion cookie. Without it the token
    // counts as absent.
    guard isBound || !found.session.requiresBinding(tokenIssuedAt: issuedAt) else {
      return .refuse
    }
    let (rotation, next) = found.session.presented(
      generation, at: time, reuseWindow: reuseWindow)
    guard rotation != .reuse else { return .end(found) }
    let accountSession = AccountSession(session: next, account: found.account)
    return next == found.session
      ? .answer(rotation, accountSession) : .store(rotation, accountSession)
  }
}

/// What a presented refresh token does to its session.
package enum RefreshDecision: Equatable, Sendable {
  /// The token does not count, and the session does not change.
  case refuse
  /// The session does not change, and the answer follows from it.
  case answer(Rotation, AccountSession)
  /// The session is replaced by this one.
  case store(Rotation, AccountSession)
  /// The token was reused: the session ends.
  case end(AccountSession)

  /// The outcome if the decision writes nothing, otherwise nil.
  fileprivate var withoutWriting: RefreshOutcome? {
    switch self {
    case .refuse: .refused
    case .answer(let rotation, let accountSession): .granted(rotation, accountSession)
    case .store, .end: nil
    }
  }
}

/// The committed outcome of presenting a refresh token.
package enum RefreshOutcome: Equatable, Sendable {
  /// The decision was `rotate`, `keep` or `resend`; the session is as it is stored now.
  case granted(Rotation, AccountSession)
  /// The token was reused, and the session has ended.
  case reuse(AccountSession)
  /// The token does not count: its session is unknown, has ended or is outdated, its account is
  /// disabled, or its companion cookie is missing.
  ///
  /// Nothing was changed.
  case refused
  /// The session cannot be read, or the decision cannot be written; nothing was changed.
  case failed(StoreError)
}

extension AccountStore {
  /// Presents refresh tokens one after the other, and stores the decisions about them.
  ///
  /// - Returns: One outcome for each token; the failure of one does not affect the others.
  /// - Throws: An error if no session can be read.
  package func refresh(_ presented: [Presented]) throws(StoreError) -> [RefreshOutcome] {
    guard !presented.isEmpty else { return [] }
    // Fast path: refused tokens, and tokens from further tabs of a browser, need no transaction
    // that writes. One read serves all of them.
    let found = try accountSessions(of: presented.map(\.session))
    var outcomes = presented.map { token -> RefreshOutcome? in
      switch found[token.session] {
      case .failure(let error): .failed(error)
      case .success(let accountSession): token.decision(for: accountSession).withoutWriting
      case nil: token.decision(for: nil).withoutWriting
      }
    }
    let written = Set(zip(presented, outcomes).filter { $1 == nil }.map(\.0.session))
    guard !written.isEmpty else { return outcomes.compactMap(\.self) }

    // If one of the tokens changes a session, all tokens of that session are decided again in
    // transactions, so that each sees the changes of those before it.
    let indices = presented.indices.filter { written.contains(presented[$0].session) }
    let results = writeEach(indices.map { presented[$0] }) { rows, token throws(StoreError) in
      try rows.refresh(token)
    }
    for (index, result) in zip(indices, results) {
      switch result {
      case .success(let outcome): outcomes[index] = outcome
      // Nothing was written. A token that needs no write still has its outcome from above.
      case .failure(let error): outcomes[index] = outcomes[index] ?? .failed(error)
      }
    }
    return outcomes.map { $0 ?? .refused }
  }

  /// Stores that access tokens of these generations were seen.
  ///
  /// - Throws: The first failure; everything else is stored.
  package func confirm(
    _ seen: [(session: SessionID, generation: Int64)]
  ) throws(StoreError) {
    guard !seen.isEmpty else { return }
    let results = writeEach(seen) { rows, seen throws(StoreError) -> Void in
      guard let found = try rows.accountSession(of: seen.session)?.session,
        let confirmed = found.confirming(generation: seen.generation)
      else { return }
      try rows.update(confirmed)
    }
    for result in results { try result.get() }
  }
}

extension StoreTransaction {
  /// Decides what a token does to its session, and stores the result, all in this transaction.
  fileprivate func refresh(_ presented: Presented) throws(StoreError) -> RefreshOutcome {
    switch presented.decision(for: try accountSession(of: presented.session)) {
    case .refuse:
      return .refused
    case .answer(let rotation, let accountSession):
      return .granted(rotation, accountSession)
    case .store(let rotation, let accountSession):
      try update(accountSession.session)
      return .granted(rotation, accountSession)
    case .end(let accountSession):
      _ = try delete(presented.session)
      try noteRevocation(.session(presented.session))
      return .reuse(accountSession)
    }
  }
}
