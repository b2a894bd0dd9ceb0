import CArgon2
import CSystem
import Glibc

/// Password hashes: argon2id, as PHC strings (RFC 9106, NIST SP 800-63B-4 §3.1.1.2).
///
/// Passwords are passed to libargon2 with their lengths, so every byte counts, including NUL.
package enum PasswordHash {
  private static let saltByteCount = 16
  private static let tagByteCount = 32

  /// Hashes a password with a new random salt.
  ///
  /// - Parameters:
  ///   - password: The bytes to hash.
  ///   - parameters: The cost of the hash.
  /// - Returns: A PHC string.
  /// - Throws: `memory` or `random` if the system provides none.
  package static func make(
    _ password: [UInt8], parameters: Argon2Parameters = .standard
  ) throws(HashingError) -> String {
    try make(password, salt: try randomSalt(), parameters: parameters)
  }

  /// Hashes a password with the given salt.
  package static func make(
    _ password: [UInt8], salt: [UInt8], parameters: Argon2Parameters
  ) throws(HashingError) -> String {
    guard parameters.isBearable else { throw .failed(code: ARGON2_INCORRECT_PARAMETER.rawValue) }
    let capacity = argon2_encodedlen(
      parameters.iterations, parameters.memoryKiB, parameters.parallelism, UInt32(salt.count),
      UInt32(tagByteCount), Argon2_id)
    var encoded = [CChar](repeating: 0, count: capacity)
    let code = unsafe argon2id_hash_encoded(
      parameters.iterations, parameters.memoryKiB, parameters.parallelism, password,
      password.count, salt, salt.count, tagByteCount, &encoded, encoded.count)
    guard code == ARGON2_OK.rawValue else { throw HashingError(code) }
    return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Whether a password matches a stored hash.
  ///
  /// The comparison takes constant time.
  ///
  /// - Parameters:
  ///   - password: The presented bytes.
  ///   - stored: A PHC string.
  /// - Returns: False only for a wrong password.
  /// - Throws: `malformed` for a string that this program does not write, before any hashing;
  ///   `memory` if there is none.
  package static func verify(
    _ password: [UInt8], _ stored: String
  ) throws(HashingError) -> Bool {
    guard PHC(stored) != nil else { throw .malformed }
    switch unsafe argon2id_verify(stored, password, password.count) {
    case ARGON2_OK.rawValue: return true
    case ARGON2_VERIFY_MISMATCH.rawValue: return false
    case let code: throw HashingError(code)
    }
  }

  /// Whether a stored hash costs less than these parameters, or cannot be parsed.
  ///
  /// A hash that costs more is not replaced, because an administrator chose it deliberately.
  package static func needsRehash(
    _ stored: String, parameters: Argon2Parameters = .standard
  ) -> Bool {
    guard let made = PHC(stored)?.parameters else { return true }
    return made.work < parameters.work
  }

  /// A hash that no password matches, for logins with an unknown name.
  ///
  /// Verifying against it takes as long as against a real hash. Its tag is random instead of
  /// computed, so nobody can find a matching password, and a CGI program does not pay for a second
  /// hash.
  ///
  /// - Throws: `random` if the system provides no random bytes.
  package static func decoy(
    parameters: Argon2Parameters = .standard
  ) throws(HashingError) -> String {
    let alphabet = Array(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    // 16 and 32 bytes in base64: 22 and 43 characters. The trailing bits of the last character must
    // be zero, so it is always an A.
    var text = "$argon2id$v=19$m=\(parameters.memoryKiB),t=\(parameters.iterations)"
    text += ",p=\(parameters.parallelism)"
    for length in [21, 42] {
      var random: [UInt8] = []
      while random.count < length { random += try randomSalt() }
      let letters = random.prefix(length).map { alphabet[Int($0 & 0x3f)] }
      text += "$" + String(decoding: letters, as: UTF8.self) + "A"
    }
    return text
  }

  private static func randomSalt() throws(HashingError) -> [UInt8] {
    var salt = [UInt8](repeating: 0, count: saltByteCount)
    guard unsafe getrandom(&salt, salt.count, 0) == salt.count else { throw .random }
    return salt
  }
}

extension HashingError {
  fileprivate init(_ code: Int32) {
    switch code {
    case ARGON2_MEMORY_ALLOCATION_ERROR.rawValue: self = .memory
    case ARGON2_DECODING_FAIL.rawValue, ARGON2_DECODING_LENGTH_FAIL.rawValue: self = .malformed
    default: self = .failed(code: code)
    }
  }
}
