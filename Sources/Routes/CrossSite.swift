// Which requests may change state, and what other origins may read.
//
// OWASP CSRF Prevention Cheat Sheet, Fetch Metadata with an Origin fallback; the contract's
// section 4. A browser sends `Origin` with every POST and DELETE, and `Sec-Fetch-Site` with
// every request; whoever sends neither is not a browser and holds no ambient cookie.

package import Configuration
package import FastCGI

/// What the two headers say about where a request comes from.
package enum Provenance: Equatable, Sendable {
  /// The issuer's own pages, or no browser at all.
  case own
  /// Another origin that the settings name: allowed, and answered with CORS headers.
  case listed(Origin)
  /// Another site, or headers that contradict themselves.
  case foreign

  /// Judges a request; it reads no other header.
  ///
  /// - Parameters:
  ///   - origin: The `Origin` header.
  ///   - fetchSite: The `Sec-Fetch-Site` header.
  ///   - issuer: The only origin whose pages may change state by themselves.
  ///   - allowed: The other origins that may.
  package init(origin: Parameter, fetchSite: Parameter, issuer: Origin, allowed: [Origin]) {
    switch (origin, fetchSite) {
    case (.repeated, _), (_, .repeated):
      self = .foreign
    case (.absent, .absent):
      self = .own
    case (.absent, .single(let site)):
      self = site.elementsEqual("same-origin".utf8) ? .own : .foreign
    case (.single(let text), let site):
      if text.elementsEqual(issuer.text.utf8) {
        self = Provenance.site(site, isOneOf: ["same-origin"]) ? .own : .foreign
      } else if let listed = allowed.first(where: { text.elementsEqual($0.text.utf8) }),
        Provenance.site(site, isOneOf: ["same-origin", "same-site"])
      {
        self = .listed(listed)
      } else {
        self = .foreign
      }
    }
  }

  private static func site(_ site: Parameter, isOneOf names: [String]) -> Bool {
    guard case .single(let text) = site else { return site == .absent }
    return names.contains { text.elementsEqual($0.utf8) }
  }
}

/// The CORS answer headers for one request; never `*`.
///
/// Fetch Standard, CORS protocol. `WWW-Authenticate` and `Retry-After` are hidden from scripts
/// unless they are named.
func corsHeaders(for provenance: Provenance, settings: Settings) -> [(String, String)] {
  guard !settings.allowedOrigins.isEmpty else { return [] }
  var headers = [("Vary", "Origin")]
  if case .listed(let origin) = provenance {
    headers += [
      ("Access-Control-Allow-Origin", origin.text),
      ("Access-Control-Allow-Credentials", "true"),
      ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),
    ]
  }
  return headers
}
