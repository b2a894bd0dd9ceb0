package import Accounts
package import PasswordHash

/// Makes and verifies password hashes, and limits how many run at once.
///
/// One argon2id hash needs 19 MiB of memory and occupies a core for tens of milliseconds. So the
/// number of hashes at once and the number of waiting ones are limited. If both limits are reached,
/// the client is asked to try again later. This bounds the memory. OWASP ASVS 5.0 15.2.2.
package struct PasswordVerifier: Sendable {
  private let slots: HashingSlots
  private let parameters: Argon2Parameters
  /// The hash for names that do not exist, so that verifying a guess takes the same time.
  private let decoy: String

  /// The number of threads with which a program that hashes should serve.
  ///
  /// It includes the threads that hash or wait, and a few more that answer when all of those are
  /// occupied.
  package static let threads = HashingSlots.queueLength + 8

  /// Prepares the slots and the decoy.
  ///
  /// - Throws: `HashingError` if the system provides no random bytes.
  package init(parameters: Argon2Parameters = .standard) throws(HashingError) {
    self.parameters = parameters
    slots = HashingSlots()
    decoy = try PasswordHash.decoy(parameters: parameters)
  }

  /// Verifies a guess, and counts it if it is wrong.
  ///
  /// It looks for a ban three times: before the guess waits for a slot, when the guess has a slot,
  /// and after the password was found right. So of many simultaneous guesses hardly more are
  /// verified than of guesses one after the other, and their answers reveal no more.
  ///
  /// - Parameters:
  ///   - password: The presented password.
  ///   - attempt: The name and the network of the guess.
  ///   - credentials: The account with that name; without one the guess takes the same time.
  ///   - store: The store that counts wrong guesses.
  ///   - now: The time of the request.
  ///   - reportingDamage: Called if the stored hash cannot be used. The guess is then wrong, and
  ///     takes the usual time.
  /// - Returns: The outcome.
  /// - Throws: `HashingError` if no slot or no memory is free, or `StoreError`. The guess is then
  ///   not counted, and whether it was right is not known.
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
        // The guess is counted while it occupies the slot, because the next guess in this slot must
        // find the ban that this one may cause.
        let seconds = try store.countFailure(attempt, at: now)
        return Judgement(seconds.map { .banned(seconds: $0) } ?? .wrong, damage: damage)
      }
    }.get()
    if let damage = judgement.damage { reportingDamage(damage) }
    guard judgement.outcome == .right else { return judgement.outcome }
    // If a ban came into force meanwhile, no answer may reveal that the guess was right.
    return try store.secondsBanned(attempt, at: now).map { .banned(seconds: $0) } ?? .right
  }

  private struct Judgement: Sendable {
    let outcome: GuessOutcome
    /// The reason why the stored hash could not be used, or nil.
    let damage: HashingError?

    init(_ outcome: GuessOutcome, damage: HashingError? = nil) {
      self.outcome = outcome
      self.damage = damage
    }
  }

  /// Compares a password with a stored hash.
  ///
  /// A damaged hash matches no password, and comparing takes the same time.
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

  /// A new hash if the stored one was made with weaker parameters, otherwise nil.
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
