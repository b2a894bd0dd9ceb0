/// The reason why a password could not be hashed or verified.
///
/// A wrong password is not an error.
package enum HashingError: Error, Equatable, Sendable {
  /// All slots are in use and the queue is full.
  case busy
  /// There is no memory for another hash.
  case memory
  /// The system provided no random bytes for a salt.
  case random
  /// The stored string is not an argon2id hash in the form that this program writes.
  case malformed
  /// libargon2 failed with this error code.
  case failed(code: Int32)

  /// One line for the log, without any part of a password or hash.
  package var reason: String {
    switch self {
    case .busy: "all password hashing slots are taken"
    case .memory: "no memory to hash a password"
    case .random: "the system gives no random bytes"
    case .malformed: "a stored password hash is malformed"
    case .failed(let code): "libargon2 failed with code \(code)"
    }
  }
}
