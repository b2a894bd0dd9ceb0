/// Why a password was neither hashed nor judged; never that it was wrong.
package enum HashingError: Error, Equatable, Sendable {
  /// All slots are taken and the queue is full.
  case busy
  /// No memory for one more hash.
  case memory
  /// The system gave no random bytes for a salt.
  case random
  /// The stored string is no argon2id hash that this program would have made.
  case malformed
  /// libargon2's own error code.
  case failed(code: Int32)

  /// One line for a log: nothing of a password or a hash.
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
