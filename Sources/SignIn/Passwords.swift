package import Accounts
import Endpoint
package import PasswordHash

extension HashingError: Explained {}
extension BlocklistError: Explained {}

/// Makes and verifies password hashes, a few at a time.
///
/// argon2id costs 19 MiB and a core for tens of milliseconds, so as many run as there are slots,
/// as many wait as the queue holds, and beyond that the client is told to come back: memory stays
/// bounded whatever arrives. OWASP ASVS 5.0 15.2.2.
package struct Passwords: Sendable {
  private let slots: HashingSlots
  private let parameters: Argon2Parameters
  /// What a name that does not exist is verified against, so that it takes as long.
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

  /// Whether a password is the account's; it takes as long for an account that does not exist.
  ///
  /// - Throws: `HashingError` if no slot is free or memory is short; nothing is known then.
  package func verify(
    _ password: Password, _ credentials: Credentials?
  ) throws(HashingError) -> Bool {
    let stored = credentials?.passwordHash ?? decoy
    let matches = try slots.run { () throws(HashingError) in
      try PasswordHash.verify(password.bytes, stored)
    }
    return matches && credentials != nil
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
