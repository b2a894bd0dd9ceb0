import CSystem
import Glibc
import Wire

/// The system's random source.
package enum Random {
  /// Random bytes, at most 256: more could come in parts (getrandom(2)).
  ///
  /// - Throws: `RandomError` if the system gives none; nothing weaker takes its place.
  package static func bytes(_ count: Int) throws(RandomError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let received = unsafe bytes.withUnsafeMutableBytes {
      unsafe getrandom($0.baseAddress, $0.count, 0)
    }
    guard received == count else { throw RandomError() }
    return bytes
  }

  /// 128 random bits as 26 characters of base32: an account, a session, a token.
  ///
  /// - Throws: `RandomError` if the system gives none.
  package static func identifier() throws(RandomError) -> String {
    Base32.encode(try bytes(16))
  }
}
