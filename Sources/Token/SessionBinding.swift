package import Accounts
import Wire

/// The value of the companion cookie: a MAC of the session's identifier with the refresh secret.
///
/// Alone it authenticates nobody. A refresh token counts only together with the binding of its own
/// session, and no sibling domain can set the companion cookie. So nobody can sign a browser into
/// another session by planting a refresh token (the contract's section 3).
package struct SessionBinding: Equatable, Sendable {
  /// 32 bytes in base64url, without padding.
  package let text: String

  private let mac: [UInt8]

  fileprivate init(of session: SessionID, under secret: [UInt8]) {
    // No JWS signing input contains a line break (RFC 7515 §5.1). So the MAC of a refresh token is
    // never a binding, and a binding never authenticates a token.
    mac = hmacSHA256(key: secret, Array("tallystick refresh binding\n\(session.text)".utf8))
    text = Base64URL.encode(mac)
  }

  /// Whether the value of a cookie is this binding; the comparison takes constant time.
  package func matches(_ value: [UInt8]) -> Bool {
    guard let presented = Base64URL.decode(value[...]) else { return false }
    return constantTimeEqual(presented, mac)
  }
}

extension KeyStore {
  /// Computes the binding of a session.
  ///
  /// - Throws: `TokenError.signing` if this program has no secret.
  package func binding(of session: SessionID) throws(TokenError) -> SessionBinding {
    let secret = refreshSecret
    guard !secret.isEmpty else { throw .signing }
    return SessionBinding(of: session, under: secret)
  }
}
