import CSystem
import Glibc
import Wire

/// The system's random source.
package enum Random {
  /// Reads random bytes with getrandom(2).
  ///
  /// - Parameter count: At most 256, because the system may interrupt larger requests.
  /// - Returns: That many bytes.
  /// - Throws: `RandomError` if the system provides none. There is no weaker fallback.
  package static func bytes(_ count: Int) throws(RandomError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let received = unsafe bytes.withUnsafeMutableBytes {
      unsafe getrandom($0.baseAddress, $0.count, 0)
    }
    guard received == count else { throw RandomError() }
    return bytes
  }

  /// Returns 128 random bits as 26 characters of base32, to identify an account, session or token.
  ///
  /// - Throws: `RandomError` if the system provides none.
  package static func identifier() throws(RandomError) -> String {
    Base32.encode(try bytes(16))
  }
}
