/// An entry of `TALLYSTICK_SITES`: an https origin, or a pattern for the first label of an origin.
///
/// `https://*.example.org` matches `https://app.example.org` and `https://a-b.example.org`, but
/// neither `https://example.org` nor `https://a.b.example.org`. As in a certificate, the asterisk
/// matches exactly one label (RFC 9525 §6.3).
package struct SitePattern: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  /// The end of every matching origin, such as `.example.org:8443`; nil for a single origin.
  private let suffix: String?

  private static let wildcard = "https://*."

  /// Takes the canonical form; returns nil for any other text.
  ///
  /// At least one label must follow the asterisk, and an IP address must not.
  package init?(_ text: String) {
    self.text = text
    guard text.utf8.starts(with: SitePattern.wildcard.utf8) else {
      guard Origin(text) != nil else { return nil }
      suffix = nil
      return
    }
    let rest = text.dropFirst(SitePattern.wildcard.count)
    guard let parent = Origin("https://" + rest), !parent.isAddress else { return nil }
    suffix = "." + rest
  }

  package var description: String { text }

  /// Whether this entry matches an origin.
  package func matches(_ origin: Origin) -> Bool {
    guard let suffix else { return origin.text.utf8.elementsEqual(text.utf8) }
    let scheme = "https://"
    guard origin.text.utf8.reversed().starts(with: suffix.utf8.reversed()) else { return false }
    let label = origin.text.utf8.dropFirst(scheme.utf8.count).dropLast(suffix.utf8.count)
    return !label.isEmpty && !label.contains(UInt8(ascii: "."))
  }
}

extension Settings {
  /// The site with this text if a browser may be led to it, otherwise nil.
  ///
  /// Those sites are the issuer's own origin and the origins that `TALLYSTICK_SITES` matches. The
  /// text must be in canonical form: upper case, a default port, a trailing dot, a path or user
  /// information make the site unknown.
  package func knownSite(_ text: String) -> Origin? {
    guard let origin = Origin(text),
      origin == issuer || sites.contains(where: { $0.matches(origin) })
    else { return nil }
    return origin
  }
}
