package import Accounts
import Configuration
package import Logging

extension Call {
  /// Goes on after a right password, and refuses after any other outcome.
  ///
  /// - Parameters:
  ///   - outcome: How the guess ended; it is counted already.
  ///   - attempt: The name and the network.
  ///   - account: The account of that name, for the log.
  ///   - event: The name that a wrong guess has in the log.
  /// - Throws: `invalid_credentials`, `too_many_attempts`: alike for names that exist and names that
  ///   do not.
  package func requireRight(
    _ outcome: GuessOutcome, _ attempt: Attempt, account: AccountID?, _ event: LogEvent
  ) throws(Refusal) {
    switch outcome {
    case .right:
      return
    case .wrong:
      note(event, account: account, username: Username(attempt.name))
      throw .invalidCredentials
    case .banned(let seconds):
      note(.loginBanned, username: Username(attempt.name))
      throw .tooManyAttempts(seconds: seconds)
    }
  }

  /// Writes the log line of an account whose stored password hash cannot be used.
  package func noteDamagedHash(of account: AccountID?, _ error: any LoggableError) {
    note(.failed, .error, account: account, reason: error.reason)
  }

  /// The session that a password started, or the refusal that its start met.
  ///
  /// - Parameters:
  ///   - outcome: How starting it ended.
  ///   - session: The session.
  ///   - account: Its account.
  ///   - event: The name that a success has in the log.
  /// - Returns: The session with its account.
  /// - Throws: `too_many_attempts`; `invalid_credentials` if the account changed meanwhile.
  package func started(
    _ outcome: StartOutcome, _ session: Session, _ account: Account, _ event: LogEvent
  ) throws(Refusal) -> AccountSession {
    switch outcome {
    case .started(let evicted):
      note(event, account: account.id, session: session.id)
      for session in evicted { note(.sessionEvicted, account: account.id, session: session) }
      return AccountSession(session: session, account: account)
    case .banned(let seconds):
      note(.loginBanned, account: account.id)
      throw .tooManyAttempts(seconds: seconds)
    case .outdated:
      note(.loginFailed, account: account.id, reason: "account changed meanwhile")
      throw .invalidCredentials
    }
  }
}
