/// What the refresh token that was presented calls for.
///
/// RFC 9700 §4.14.2; the table of the contract, row by row.
package enum Rotation: Equatable, Sendable {
  /// The live generation: replace it, answer with the next one in a cookie.
  case rotate
  /// The live generation, in a cookie only a moment ago: a new access token is enough.
  case keep
  /// The one before, whose successor was lost or went to another tab: the same successor again.
  case resend
  /// An older one came back after its successor was seen: a thief or a victim; end the session.
  case reuse
}

extension Session {
  /// Decides what a refresh token of this session calls for.
  ///
  /// It reads no clock and changes nothing.
  ///
  /// - Parameters:
  ///   - presented: The generation that the token carries.
  ///   - now: The time of the request.
  ///   - reuseWindow: How long a confirmed session still answers the token before the live one.
  /// - Returns: The decision; the store acts on it in the same transaction.
  ///
  /// RFC 9700 §4.14.2.
  package func rotation(
    presenting presented: Int64, at now: NumericDate, reuseWindow: Duration
  ) -> Rotation {
    switch presented {
    case generation:
      // The login's own is always rotated: a client that refreshes at once gets its cookie.
      // A window of zero rotates on every refresh, also within one second.
      let isFresh = reuseWindow > .zero && now.isWithin(reuseWindow, of: issuedAt)
      return generation > 1 && isFresh ? .keep : .rotate
    case generation - 1 where presented >= 1:
      // Nobody was seen with the successor: its answer was lost, however long ago.
      if confirmed < generation { return .resend }
      // Another tab: it may have sent this token before the successor last went out unconfirmed.
      return now.isWithin(reuseWindow, of: sentAt) ? .resend : .reuse
    default:
      return .reuse
    }
  }

  /// The session after a refresh token was presented, and what to answer.
  ///
  /// - Parameters:
  ///   - presented: The generation that the token carries.
  ///   - now: The time of the request.
  ///   - reuseWindow: How long a confirmed session still answers the token before the live one.
  /// - Returns: The decision and the session to store; on reuse the session is to be ended.
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
      // A resend to another tab does not prolong the window, or it would never close.
      if confirmed < generation { session.sentAt = now }
      session.lastUsedAt = now
    case .reuse:
      break
    }
    return (decision, session)
  }

  /// The session after an access token of this generation was seen: proof that it arrived.
  ///
  /// - Returns: The session to store, or nil where there is nothing new.
  package func confirming(generation seen: Int64) -> Session? {
    guard seen == generation, confirmed < seen else { return nil }
    var session = self
    session.confirmed = seen
    return session
  }
}
