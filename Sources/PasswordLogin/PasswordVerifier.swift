package import Accounts
package import PasswordHash

/// Makes and verifies password hashes, a few at a time.
///
/// argon2id costs 19 MiB and a core for tens of milliseconds. So as many hashes run as there are
/// slots, as many wait as the queue holds, and beyond that the client is told to come back: memory
/// stays bounded whatever arrives. OWASP ASVS 5.0 15.2.2.
package struct PasswordVerifier: Sendable {
  private let slots: HashingSlots
  private let parameters: Argon2Parameters
  /// A name that does not exist is verified against this hash, so that it takes as long.
  private let decoy: String

  /// The threads that a program which hashes should serve with: those that hash or wait, and a
  /// few that answer while all of those are taken.
  package static let threads = HashingSlots.queueLength + 8

  /// Prepares the slots and the decoy.
  ///
  /// - Throws: `HashingError` where not even one hash can be made.
  package init(parameters: Argon2Parameters = .standard) throws(HashingError) {
    self.parameters = parameters
    slots = HashingSlots()
    decoy = try PasswordHash.decoy(parameters: parameters)
  }

  /// Verifies a guess and counts it if it is wrong.
  ///
  /// A ban is asked for three times: before the guess waits for a slot, when it has one, and when
  /// the password was right. So of guesses sent at once, hardly more reach the hash than of
  /// guesses sent one after the other, and none of them tells more.
  ///
  /// - Parameters:
  ///   - password: The password presented.
  ///   - attempt: Who presents it, for which name.
  ///   - credentials: The account of that name; nil costs the same time.
  ///   - store: Counts the failure.
  ///   - now: The time of the request.
  ///   - reportingDamage: Is told of an account whose stored hash cannot be used. The guess is
  ///     then wrong and takes the usual time.
  /// - Returns: The outcome.
  /// - Throws: `HashingError` if no slot is free or memory is short, `StoreError`: nothing is known
  ///   then and nothing is counted.
  package func judge(
    _ password: Password, _ attempt: Attempt, _ credentials: Credentials?,
    in store: any AccountStore, at now: NumericDate,
    reportingDamage: (HashingError) -> Void
  ) throws -> GuessOutcome {
    if let seconds = try store.secondsBanned(attempt, at: now) { return .banned(seconds: seconds) }
    let isDisabled = credentials?.account.isDisabled ?? true
    let stored = credentials?.passwordHash ?? decoy
    let judgement = try slots.run { [decoy] in
      Result {
        if let seconds = try store.secondsBanned(attempt, at: now) {
          return Judgement(.banned(seconds: seconds))
        }
        let (matches, damage) = try PasswordVerifier.compare(password, stored, decoy)
        if matches && !isDisabled { return Judgement(.right) }
        // Counted before the slot is free for the next guess, which asks for the ban that follows.
        let seconds = try store.countFailure(attempt, at: now)
        return Judgement(seconds.map { .banned(seconds: $0) } ?? .wrong, damage: damage)
      }
    }.get()
    if let damage = judgement.damage { reportingDamage(damage) }
    guard judgement.outcome == .right else { return judgement.outcome }
    // A ban that came meanwhile wins before any answer tells that the guess was right.
    return try store.secondsBanned(attempt, at: now).map { .banned(seconds: $0) } ?? .right
  }

  private struct Judgement: Sendable {
    let outcome: GuessOutcome
    /// Why the stored hash could not be used.
    let damage: HashingError?

    init(_ outcome: GuessOutcome, damage: HashingError? = nil) {
      self.outcome = outcome
      self.damage = damage
    }
  }

  /// Compares a password with a stored hash; a damaged one matches nothing and takes as long.
  private static func compare(
    _ password: Password, _ stored: String, _ decoy: String
  ) throws(HashingError) -> (matches: Bool, damage: HashingError?) {
    do throws(HashingError) {
      return (try PasswordHash.verify(password.bytes, stored), nil)
    } catch {
      guard error == .malformed else { throw error }
      _ = try PasswordHash.verify(password.bytes, decoy)
      return (false, error)
    }
  }

  /// The hash of a new password, as a PHC string.
  ///
  /// - Throws: `HashingError` if no slot is free or memory is short.
  package func hash(_ password: Password) throws(HashingError) -> String {
    try slots.run { () throws(HashingError) in
      try PasswordHash.make(password.bytes, parameters: parameters)
    }
  }

  /// A hash to store in place of one made with weaker parameters, nil if there is no need.
  ///
  /// - Throws: `HashingError` if no slot is free or memory is short.
  package func rehash(
    _ password: Password, _ credentials: Credentials
  ) throws(HashingError) -> String? {
    guard PasswordHash.needsRehash(credentials.passwordHash, parameters: parameters) else {
      return nil
    }
    return try hash(password)
  }
}
