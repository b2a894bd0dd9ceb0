// __Secure-refresh: HttpOnly, Secure, SameSite=Strict, no Domain, and a path that nginx owns: the
// location that mounts `refresh` passes its own, so the browser sends the cookie to that route
// alone. RFC 6265bis §4.1.

import Accounts
package import FastCGI
package import Token
import Wire

package enum RefreshCookie {
  package static let name = "__Secure-refresh"

  /// The `Set-Cookie` value that stores a token.
  ///
  /// - Parameters:
  ///   - token: The refresh token.
  ///   - seconds: Exactly the token's remaining life.
  ///   - path: The path of the route that refreshes.
  /// - Returns: The header's value.
  package static func storing(_ token: String, seconds: Int64, path: String) -> String {
    "\(name)=\(token); Path=\(path); Secure; HttpOnly; SameSite=Strict; Max-Age=\(seconds)"
  }

  /// The `Set-Cookie` value that deletes it: the same name, path and attributes.
  package static func clearing(path: String) -> String {
    storing("", seconds: 0, path: path)
  }

  /// The `Set-Cookie` values that delete what a sibling host planted for a domain above ours.
  package static func clearingPlanted(path: String, issuer: Origin) -> [String] {
    issuer.cookieDomains.map { domain in
      clearing(path: path) + "; Domain=\(domain)"
    }
  }

  /// The values of this name in all `Cookie` headers, in the order sent.
  package static func values(in parameters: Parameters) -> [[UInt8]] {
    parameters.all("HTTP_COOKIE").flatMap { Cookie.values(named: name, in: $0) }
  }

  /// Whether a text can be a cookie's path: `/` and segments of unreserved characters.
  package static func isPath(_ path: String) -> Bool {
    path.utf8.first == UInt8(ascii: "/") && path.utf8.count <= 255
      && path.utf8.allSatisfy { byte in
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
          || "/-._~".utf8.contains(byte)
      }
  }
}

/// What the cookies of one request amount to.
package enum PresentedCookie: Sendable {
  /// None that verifies.
  case none
  case one(VerifiedRefreshToken)
  /// Two or more that verify: somebody planted one, and no order tells which.
  case several
}
