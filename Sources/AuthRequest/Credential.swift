import FastCGI
package import Gate
package import Token
import Wire

/// The credential on which the decision about a request rests.
///
/// A bearer token goes before a gate cookie, which is then not looked at (T040).
enum PresentedCredential: Equatable {
  case bearer(ArraySlice<UInt8>)
  /// The value of the gate cookie, at the site with these bytes.
  case gate(ArraySlice<UInt8>, GateUse)

  /// nil where there is no credential, or no single one that could count.
  init?(_ parameters: Parameters) {
    switch parameters.value("HTTP_AUTHORIZATION") {
    case .repeated:
      return nil
    case .single(let header):
      switch Authorization.bearer(header) {
      case .token(let token): self = .bearer(token)
      case .malformed: return nil
      // Another scheme is the application's own, as far as `check` is concerned.
      case .none: self.init(cookieIn: parameters)
      }
    case .absent:
      self.init(cookieIn: parameters)
    }
  }

  private init?(cookieIn parameters: Parameters) {
    guard case .single(let site) = parameters.value("TALLYSTICK_SITE"), !site.isEmpty,
      let token = SiteCookie.value(of: SiteCookie.gate, in: parameters)
    else { return nil }
    self = .gate(token, GateUse(parameters, at: site))
  }

  /// The token of either kind.
  var token: ArraySlice<UInt8> {
    switch self {
    case .bearer(let token), .gate(let token, _): token
    }
  }

  /// What the decision rests on beside the token and the parameters of nginx.
  ///
  /// The headers that make a use of a gate cookie are in it by what they amount to.
  var kind: UInt8 {
    switch self {
    case .bearer: 0
    case .gate(_, let use): use.rawValue
    }
  }
}

/// A credential whose signature and claims have been verified.
package enum VerifiedCredential: Sendable {
  case access(VerifiedAccessToken)
  case gate(VerifiedGateToken, GateUse)
}
