/// What a presented refresh token causes.
///
/// The cases are the rows of the table in the contract's section 2. RFC 9700 §4.14.2.
package enum Rotation: Equatable, Sendable {
  /// The token is of the live generation: answer with a cookie of the next generation.
  case rotate
  /// The token is of the live generation, which was sent only a moment ago: answer with an access
  /// token alone.
  case keep
  /// The token is of the previous generation, and its successor was lost or went to another tab:
  /// answer with the same successor again.
  case resend
  /// The token is older than that, or it is of the previous generation and the reuse window is over:
  /// end the session, because a thief has one of the tokens.
  case reuse
}

extension Session {
  /// Decides what a refresh token of this session causes.
  ///
  /// It reads no clock and changes nothing.
  ///
  /// - Parameters:
  ///   - presented: The generation in the token.
  ///   - now: The time of the request.
  ///   - reuseWindow: How long a confirmed session still answers the previous token.
  /// - Returns: The decision, which the caller must carry out in the same transaction.
  ///
  /// RFC 9700 §4.14.2.
  package func rotation(
    presenting presented: Int64, at now: NumericDate, reuseWindow: Duration
  ) -> Rotation {
    switch presented {
    case generation:
      // The first generation is always rotated, so that a client that refreshes at once gets a
      // cookie. With a window of zero every refresh rotates, also within one second.
      let isFresh = reuseWindow > .zero && now.isWithin(reuseWindow, of: issuedAt)
      return generation > 1 && isFresh ? .keep : .rotate
    case generation - 1 where presented >= 1:
      // The successor was never seen: the response that contained it was lost. This is a retry,
      // however late it comes.
      if confirmed < generation { return .resend }
      // Another tab may have sent this token before the unconfirmed successor was last sent.
      return now.isWithin(reuseWindow, of: sentAt) ? .resend : .reuse
    default:
      return .reuse
    }
  }

  /// Decides what a refresh token of this session causes, and returns the changed session.
  ///
  /// - Parameters:
  ///   - presented: The generation in the token.
  ///   - now: The time of the request.
  ///   - reuseWindow: How long a confirmed session still answers the previous token.
  /// - Returns: The decision and the session to store; on reuse the session must be ended instead.
  package func presented(
    _ presented: Int64, at now: NumericDate, reuseWindow: Duration
  ) -> (decision: Rotation, session: Session) {
    let decision = rotation(presenting: presented, at: now, reuseWindow: reuseWindow)
    var session = self
    switch decision {
    case .rotate:
      session.confirmed = generation
      session.generation += 1
      session.rotatedAt = now
      session.issuedAt = now
      session.sentAt = now
      session.lastUsedAt = now
    case .keep:
      session.confirmed = generation
    case .resend:
      session.issuedAt = now
      // A resend to another tab does not prolong the window. Otherwise it might never close.
      if confirmed < generation { session.sentAt = now }
      session.lastUsedAt = now
    case .reuse:
      break
    }
    return (decision, session)
  }

  /// The session after an access token of this generation was seen.
  ///
  /// The access token proves that the response with this generation has arrived.
  ///
  /// - Returns: The session to store, or nil if nothing changes.
  package func confirming(generation seen: Int64) -> Session? {
    guard seen == generation, confirmed < seen else { return nil }
    var session = self
    session.confirmed = seen
    return session
  }
}
