// The cookies of a session. RFC 6265bis §4.1; the contract's section 3.
//
// __Secure-refresh: HttpOnly, Secure, SameSite=Strict, no Domain, and a path that nginx owns: the
// location that mounts `refresh` passes its own, so the browser sends the cookie to that route
// alone. A sibling domain can plant a cookie of this name, so it counts only beside the other one.
//
// __Host-refresh-binding: the companion. Browsers accept a `__Host-` cookie from the host itself
// alone, so no sibling can plant it.

package import Configuration
package import FastCGI
import Text
import Wire

package enum RefreshCookie {
  package static let name = "__Secure-refresh"

  /// The `Set-Cookie` value that stores a token.
  ///
  /// - Parameters:
  ///   - token: The refresh token.
  ///   - seconds: Exactly the token's remaining life; nil for a cookie that ends with the browser.
  ///   - path: The path of the route that refreshes.
  /// - Returns: The header's value.
  package static func storing(_ token: String, seconds: Int64?, path: String) -> String {
    "\(name)=\(token); Path=\(path); Secure; HttpOnly; SameSite=Strict" + maximumAge(seconds)
  }

  /// The `Set-Cookie` value that deletes it: the same name, path and attributes.
  package static func clearing(path: String) -> String {
    storing("", seconds: 0, path: path)
  }

  /// The `Set-Cookie` values that delete cookies of this name which a sibling host planted.
  ///
  /// A browser sends them to the route if their path is the route's own or above it. They carry a
  /// Domain and ours never does, so these values cannot touch ours.
  package static func clearingPlanted(path: String, issuer: Origin) -> [String] {
    issuer.cookieDomains.flatMap { domain in
      pathsAbove(path).map { clearing(path: $0) + "; Domain=\(domain)" }
    }
  }

  /// The path itself and every path above it that matches it, the shortest first: `/`, `/auth`,
  /// `/auth/`, `/auth/refresh`.
  ///
  /// RFC 6265 §5.1.4.
  static func pathsAbove(_ path: String) -> [String] {
    var paths = ["/"]
    var prefix = ""
    for segment in path.split(separator: "/") {
      prefix += "/" + segment
      paths += prefix.utf8.count < path.utf8.count ? [prefix, prefix + "/"] : [prefix]
    }
    return paths
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

package enum BindingCookie {
  package static let name = "__Host-refresh-binding"

  /// The `Set-Cookie` value that stores a session's binding.
  ///
  /// - Parameters:
  ///   - binding: The binding.
  ///   - seconds: The session's remaining life; nil for a cookie that ends with the browser.
  /// - Returns: The header's value.
  package static func storing(_ binding: String, seconds: Int64?) -> String {
    "\(name)=\(binding); Path=/; Secure; HttpOnly; SameSite=Strict" + maximumAge(seconds)
  }

  /// The `Set-Cookie` value that deletes it.
  package static let clearing = storing("", seconds: 0)

  /// The values of this name in all `Cookie` headers, in the order sent.
  package static func values(in parameters: Parameters) -> [[UInt8]] {
    parameters.all("HTTP_COOKIE").flatMap { Cookie.values(named: name, in: $0) }
  }
}

/// The attribute that keeps a cookie for so many seconds; without it the browser forgets the cookie
/// when it ends (RFC 6265 §5.3).
package func maximumAge(_ seconds: Int64?) -> String {
  seconds.map { "; Max-Age=\($0)" } ?? ""
}
