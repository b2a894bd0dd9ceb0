/// One entry of `TALLYSTICK_SITES`: an https origin, or all origins that differ in their first label.
///
/// `https://*.example.org` stands for `https://app.example.org` and `https://a-b.example.org`, not
/// for `https://example.org` and not for `https://a.b.example.org`. The asterisk stands for exactly
/// one label, like that of a certificate (RFC 9525 §6.3).
package struct SitePattern: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  /// What every matching origin ends with: `.example.org:8443`; nil for a single origin.
  private let suffix: String?

  private static let wildcard = "https://*."

  /// Takes the canonical spelling alone; nil for anything else.
  ///
  /// At least one label must follow the asterisk, and not an address.
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

  /// Whether an origin is one of those that this entry stands for.
  package func matches(_ origin: Origin) -> Bool {
    guard let suffix else { return origin.text.utf8.elementsEqual(text.utf8) }
    let scheme = "https://"
    guard origin.text.utf8.reversed().starts(with: suffix.utf8.reversed()) else { return false }
    let label = origin.text.utf8.dropFirst(scheme.utf8.count).dropLast(suffix.utf8.count)
    return !label.isEmpty && !label.contains(UInt8(ascii: "."))
  }
}

extension Settings {
  /// The site of this spelling, if a browser may be handed over to it: the issuer's own origin, or
  /// one that `TALLYSTICK_SITES` stands for.
  ///
  /// Only the canonical spelling of an origin counts: another case, a default port, a trailing dot,
  /// a path or user information makes it unknown.
  package func knownSite(_ text: String) -> Origin? {
    guard let origin = Origin(text),
      origin == issuer || sites.contains(where: { $0.matches(origin) })
    else { return nil }
    return origin
  }
}
