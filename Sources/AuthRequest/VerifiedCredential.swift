package import Accounts
import Authentication
package import Gate
import Routes
package import Token

/// A credential whose signature and claims, or whose shape, have been verified.
package enum VerifiedCredential: Sendable {
  case access(VerifiedAccessToken)
  case gate(VerifiedGateToken, GateUse)
  /// A device token by its digest; the name that came with it, unless none has to come.
  case device(digest: String, username: Username?, DeviceUse)
}

extension KeyStore {
  /// Verifies a credential of any kind, without looking at what the store has of it.
  func verify(
    _ presented: PresentedCredential, of call: Call
  ) throws(TokenError) -> VerifiedCredential {
    switch presented {
    case .bearer(let token):
      return .access(try verify(Array(token), under: call.settings, at: call.time))
    case .gate(let token, let use):
      guard let site = call.site else { throw .audience }
      return .gate(
        try verify(gate: Array(token), at: site, under: call.settings, at: call.time), use)
    case .device(let token, let username, let use):
      guard let digest = DeviceToken.digest(ofPresented: token) else { throw .malformed }
      guard let username else { return .device(digest: digest, username: nil, use) }
      let text = String(validating: username, as: UTF8.self)
      guard let name = text.flatMap({ Username($0) }) else { throw .malformed }
      return .device(digest: digest, username: name, use)
    }
  }
}
