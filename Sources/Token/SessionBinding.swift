package import Accounts
import Wire

/// The value of the companion cookie: a MAC of a session's identifier under the refresh secret.
///
/// It opens nothing. A refresh token counts only beside the binding of its own session, in a
/// cookie that no sibling domain can set: so nobody can sign a browser into another session by
/// planting a refresh token (the contract's section 3).
package struct SessionBinding: Equatable, Sendable {
  /// 32 bytes in base64url, without padding.
  package let text: String

  private let mac: [UInt8]

  fileprivate init(of session: SessionID, under secret: [UInt8]) {
    // A use of the secret of its own: no JWS signing input contains a line break (RFC 7515 §5.1),
    // so no refresh token's MAC is a binding, and no binding authenticates a token.
    mac = hmacSHA256(key: secret, Array("tallystick refresh binding\n\(session.text)".utf8))
    text = Base64URL.encode(mac)
  }

  /// Whether a cookie's value is this binding, compared in constant time.
  package func matches(_ value: [UInt8]) -> Bool {
    guard let presented = Base64URL.decode(value[...]) else { return false }
    return constantTimeEqual(presented, mac)
  }
}

extension KeyStore {
  /// The binding of a session.
  ///
  /// - Throws: `TokenError.signing` if this program holds no secret.
  package func binding(of session: SessionID) throws(TokenError) -> SessionBinding {
    let secret = refreshSecret
    guard !secret.isEmpty else { throw .signing }
    return SessionBinding(of: session, under: secret)
  }
}
