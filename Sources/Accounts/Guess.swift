/// The outcome of a guess at the password of an account.
package enum GuessOutcome: Equatable, Sendable {
  /// The password is right.
  case right
  /// The password is wrong, or there is no such account, or the account is disabled.
  ///
  /// The guess was counted.
  case wrong
  /// A ban is in force, or came into force meanwhile; it ends after this number of seconds.
  ///
  /// This does not tell whether the password was right.
  case banned(seconds: Int64)
}
