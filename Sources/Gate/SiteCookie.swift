// The cookies of a site, and the one way of reading them. RFC 6265bis §4.1.3.2; the contract's
// section 10.
//
// All have the prefix `__Host-`: a browser takes them from the site's own host alone, so no sibling
// can plant or read one.

package import FastCGI
import Wire

package enum SiteCookie {
  /// What opens the site: a gate token.
  package static let gate: StaticString = "__Host-tallystick"
  /// What binds the way in to this browser.
  package static let state: StaticString = "__Host-tallystick-state"
  /// When this browser was sent to sign in.
  package static let bounces: StaticString = "__Host-tallystick-bounces"

  /// The value that a request brings.
  ///
  /// - Parameters:
  ///   - name: One of the names above.
  ///   - parameters: The request.
  /// - Returns: The value; nil if there is none, or more than one.
  package static func value(
    of name: StaticString, in parameters: Parameters
  ) -> ArraySlice<UInt8>? {
    guard case .single(let cookies) = parameters.value("HTTP_COOKIE") else { return nil }
    return Cookie.only(name, in: cookies)
  }
}
