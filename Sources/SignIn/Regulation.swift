package import Accounts
package import Endpoint

extension Call {
  /// A password of a JSON body.
  ///
  /// - Throws: `invalid_request` if it is longer than any password can be.
  package func password(_ text: String) throws(Refusal) -> Password {
    guard let password = Password(text) else {
      throw .invalidRequest("A password has at most \(Password.maximumByteCount) bytes.")
    }
    return password
  }

  /// Refuses an attempt that is banned, before anything is verified.
  ///
  /// - Throws: `too_many_attempts`, alike for names that exist and names that do not.
  package func admit(_ attempt: Attempt, _ store: any AccountStore) throws {
    guard let seconds = try store.secondsBanned(attempt, at: time) else { return }
    note(.loginBanned, username: Username(attempt.name))
    throw Refusal.tooManyAttempts(seconds: seconds)
  }

  /// Counts a wrong guess and says what to answer it.
  ///
  /// A ban that came into force while the password was verified wins: guesses sent at once
  /// learn no more than guesses sent one after the other.
  ///
  /// - Returns: `invalid_credentials`, or `too_many_attempts`.
  package func refusal(
    counting attempt: Attempt, account: AccountID?, _ event: LogEvent, _ store: any AccountStore
  ) throws -> Refusal {
    note(event, account: account, username: Username(attempt.name))
    guard let seconds = try store.countFailure(attempt, at: time) else {
      return .invalidCredentials
    }
    return .tooManyAttempts(seconds: seconds)
  }

  /// The session that a password started, or the refusal that its start met.
  package func began(
    _ outcome: StartOutcome, _ session: Session, _ account: Account, _ event: LogEvent
  ) throws(Refusal) -> Standing {
    switch outcome {
    case .started(let evicted):
      note(event, account: account.id, session: session.id)
      for session in evicted { note(.sessionEvicted, account: account.id, session: session) }
      return Standing(session: session, account: account)
    case .banned(let seconds):
      note(.loginBanned, account: account.id)
      throw .tooManyAttempts(seconds: seconds)
    case .outdated:
      note(.loginFailed, account: account.id, reason: "account changed meanwhile")
      throw .invalidCredentials
    }
  }
}
