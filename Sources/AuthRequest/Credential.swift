import FastCGI
import Gate
import Token
import Wire

/// The credential on which the decision about a request rests.
///
/// A bearer token or a device token goes before a gate cookie, which is then not looked at (T040).
enum PresentedCredential: Equatable {
  case bearer(ArraySlice<UInt8>)
  /// The value of the gate cookie, at the site with these bytes.
  case gate(ArraySlice<UInt8>, GateUse)
  /// A device token, and the username that came with it as the password.
  case device(ArraySlice<UInt8>, username: ArraySlice<UInt8>?, DeviceUse)

  /// nil where there is no credential, or no single one that could count.
  init?(_ parameters: Parameters) {
    let site = parameters.site
    let allowsDevices = parameters.allowsDevices
    if allowsDevices {
      switch parameters.value("HTTP_X_TALLYSTICK_DEVICE") {
      case .repeated:
        return nil
      case .single(let token) where !token.isEmpty:
        self = .device(
          token, username: nil, DeviceUse(parameters, isAmbient: false, at: site))
        return
      case .single, .absent: break
      }
    }
    switch parameters.value("HTTP_AUTHORIZATION") {
    case .repeated:
      return nil
    case .single(let header):
      switch Authorization.bearer(header) {
      case .token(let token):
        if allowsDevices, DeviceToken.isMeant(by: token) {
          self = .device(
            token, username: nil, DeviceUse(parameters, isAmbient: false, at: site))
        } else {
          self = .bearer(token)
        }
      case .malformed: return nil
      case .none:
        if allowsDevices, let basic = Authorization.basic(header),
          DeviceToken.isMeant(by: basic.password)
        {
          self = .device(
            basic.password, username: basic.username,
            DeviceUse(parameters, isAmbient: true, at: site))
        } else {
          // Another scheme is the application's own, as far as `check` is concerned.
          self.init(cookieIn: parameters, at: site)
        }
      }
    case .absent:
      self.init(cookieIn: parameters, at: site)
    }
  }

  private init?(cookieIn parameters: Parameters, at site: ArraySlice<UInt8>) {
    guard !site.isEmpty, let token = SiteCookie.value(of: SiteCookie.gate, in: parameters)
    else { return nil }
    self = .gate(token, GateUse(parameters, at: site))
  }

  /// The token of any kind.
  var token: ArraySlice<UInt8> {
    switch self {
    case .bearer(let token), .gate(let token, _), .device(let token, _, _): token
    }
  }

  /// What the decision rests on beside the token, the username and the parameters of nginx.
  ///
  /// The headers that make a use are in it by what they amount to.
  var kind: UInt8 {
    switch self {
    case .bearer: 0
    case .gate(_, let use): use.rawValue
    case .device(_, let username, let use): 16 + use.rawValue + (username == nil ? 0 : 8)
    }
  }

  /// Whether it looks like what can count, and in one spelling: only then is the answer remembered.
  ///
  /// The password of `Authorization: Basic` is any bytes at all, and a username of twenty letters has a
  /// million spellings.
  var hasShape: Bool {
    switch self {
    case .bearer(let token), .gate(let token, _): token.count <= UnverifiedJWS.maximumByteCount
    case .device(let token, let username, _):
      DeviceToken.hasShape(token)
        && username?.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) } != true
    }
  }

  /// The username that came with a device token.
  var username: ArraySlice<UInt8>? {
    if case .device(_, let username, _) = self { username } else { nil }
  }
}

extension Parameters {
  /// The bytes of the site that nginx names; empty where it names none, or two.
  fileprivate var site: ArraySlice<UInt8> {
    if case .single(let site) = value("TALLYSTICK_SITE") { site } else { [] }
  }

  /// Whether the location lets device tokens in.
  var allowsDevices: Bool {
    guard case .single(let value) = value("AUTH_DEVICES") else { return false }
    return value.elementsEqual("on".utf8)
  }
}
