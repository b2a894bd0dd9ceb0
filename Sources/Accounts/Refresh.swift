// Presenting a refresh token, and proof that its successor arrived.
//
// RFC 6749 §6, RFC 9700 §4.14.2.

/// A verified refresh token, as it was presented.
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
  ///   - isBound: Whether the request brought the companion cookie of this session.
  ///   - time: When it was presented.
  ///   - reuseWindow: How long a confirmed session still answers the token before the live one.
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
  /// - Parameter found: The session of the token as it is stored, nil if there is none.
  /// - Returns: The decision; the store acts on it in the same transaction.
  package func decision(for found: AccountSession?) -> RefreshDecision {
    guard let found, found.accepts(account: account, version: version, at: time) else {
      return .refuse
    }
    // A sibling site can plant a refresh cookie, but no companion: such a token counts as absent.
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
  /// Nothing: the token does not count.
  case refuse
  /// Nothing: the answer follows from the session as it is stored.
  case answer(Rotation, AccountSession)
  /// Replaces the session by this one.
  case store(Rotation, AccountSession)
  /// Reuse: ends the session.
  case end(AccountSession)

  /// The outcome where nothing is to be written, else nil.
  fileprivate var withoutWriting: RefreshOutcome? {
    switch self {
    case .refuse: .refused
    case .answer(let rotation, let accountSession): .granted(rotation, accountSession)
    case .store, .end: nil
    }
  }
}

/// How presenting a refresh token ended, committed.
package enum RefreshOutcome: Equatable, Sendable {
  /// `rotate`, `keep` or `resend`, and the session as it stands now.
  case granted(Rotation, AccountSession)
  /// Reuse: the session has been ended.
  case reuse(AccountSession)
  /// Unknown, expired, outdated, disabled or without its companion: nothing was touched.
  case refused
  /// The session cannot be read, or the decision cannot be written: nothing was touched.
  case failed(StoreError)
}

extension AccountStore {
  /// Presents refresh tokens, one after the other, and stores what the rotation rule says of each.
  ///
  /// - Returns: One outcome for each; the failure of one is none of the others'.
  /// - Throws: If the sessions cannot be read at all.
  package func refresh(_ presented: [Presented]) throws(StoreError) -> [RefreshOutcome] {
    guard !presented.isEmpty else { return [] }
    // Fast path: a refusal and the other tabs of a browser cost one read for all.
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

    // A session that one of them changes is read again for each: it sees those before it.
    let indices = presented.indices.filter { written.contains(presented[$0].session) }
    let results = writeEach(indices.map { presented[$0] }) { rows, token throws(StoreError) in
      try rows.refresh(token)
    }
    for (index, result) in zip(indices, results) {
      switch result {
      case .success(let outcome): outcomes[index] = outcome
      // Nothing was written: a token that needs nothing written is answered all the same.
      case .failure(let error): outcomes[index] = outcomes[index] ?? .failed(error)
      }
    }
    return outcomes.map { $0 ?? .refused }
  }

  /// Notes that access tokens of these generations were seen.
  ///
  /// - Throws: The first failure; those that did not fail are noted all the same.
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
  /// Decides by the session as it stands in the transaction, and stores the decision.
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
