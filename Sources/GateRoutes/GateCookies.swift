// How the cookies of a site are set and deleted. RFC 6265bis §4.1.2; the contract's section 10.
//
// They are Lax, because the first request to a site often comes from a link on another one.

import Configuration
import FastCGI
import Gate
import Routes
import Token
import Wire

/// What opens the site.
package enum GateCookie {
  /// The `Set-Cookie` value that stores a gate token.
  ///
  /// - Parameters:
  ///   - token: The gate token.
  ///   - seconds: The token's life; nil for a cookie that ends with the browser.
  /// - Returns: The header's value.
  static func storing(_ token: String, seconds: Int64?) -> String {
    hostCookie(SiteCookie.gate, token, seconds)
  }
}

/// What binds the way in to this browser: random bits that the issuer sees only as their digest.
package struct BrowserState: Equatable, Sendable {
  /// How long a browser may take to sign in, in seconds.
  private static let lifetime: Int64 = 600

  /// 32 bytes in base64url, without padding.
  private let value: String

  /// The state of the browser that sent a request; nil if it has none, or two.
  init?(_ parameters: Parameters) {
    guard let value = SiteCookie.value(of: SiteCookie.state, in: parameters),
      Base64URL.decode(value)?.count == 32
    else { return nil }
    self.value = String(decoding: value, as: UTF8.self)
  }

  /// A new state.
  init() throws(RandomError) {
    value = Base64URL.encode(try Random.bytes(32))
  }

  /// What the issuer and the store know of it: the SHA-256 digest in base64url.
  package var digest: String { Base64URL.encode(sha256(Array(value.utf8))) }

  /// The `Set-Cookie` value that stores it, or that keeps it for as long again.
  var cookie: String { hostCookie(SiteCookie.state, value, BrowserState.lifetime) }

  /// The `Set-Cookie` value that deletes it.
  static var clearing: String { hostCookie(SiteCookie.state, "", 0) }

  /// Whether a text can be the digest of a state: 32 bytes in canonical base64url.
  package static func isDigest(_ text: String) -> Bool {
    Base64URL.decode(Array(text.utf8)[...])?.count == 32
  }
}

/// When this browser was sent to sign in, for the loop breaker.
enum BounceCookie {
  /// The value that the browser sent; empty if it sent none, or two.
  static func value(in parameters: Parameters) -> String {
    String(decoding: SiteCookie.value(of: SiteCookie.bounces, in: parameters) ?? [], as: UTF8.self)
  }

  static func storing(_ value: String, seconds: Int64) -> String {
    hostCookie(SiteCookie.bounces, value, seconds)
  }
}

private func hostCookie(_ name: StaticString, _ value: String, _ seconds: Int64?) -> String {
  "\(name)=\(value); Path=/; Secure; HttpOnly; SameSite=Lax" + maximumAge(seconds)
}
