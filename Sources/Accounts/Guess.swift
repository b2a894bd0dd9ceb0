/// How the attempt to prove an account's password ended.
package enum GuessOutcome: Equatable, Sendable {
  /// The password is the account's.
  case right
  /// It is not, or there is no such account, or the account is disabled; the failure is counted.
  case wrong
  /// A ban is in force, or came into force meanwhile: the seconds until it ends.
  ///
  /// Whether the password was right is not told.
  case banned(seconds: Int64)
}
