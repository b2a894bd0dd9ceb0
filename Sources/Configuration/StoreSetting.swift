/// The setting `STORE`: the engine that keeps accounts and sessions, and its place.
///
/// It comes from the environment alone. It may contain a password, so no message repeats it.
package enum StoreSetting: Equatable, Sendable {
  /// The file in the state directory.
  case sqlite
  /// A server; the text is a URI of libpq.
  case postgreSQL(uri: String)

  /// Takes `sqlite` or a URI that begins with `postgresql://`; returns nil for any other text.
  ///
  /// Only libpq parses the rest of the URI.
  package init?(_ text: String) {
    if text == "sqlite" {
      self = .sqlite
    } else if text.utf8.starts(with: StoreSetting.scheme.utf8), !text.utf8.contains(0) {
      self = .postgreSQL(uri: text)
    } else {
      return nil
    }
  }

  /// The setting without secrets: user, hosts and database, but neither password nor parameters.
  package var shown: String {
    guard case .postgreSQL(let uri) = self else { return "sqlite" }
    let rest = uri.utf8.dropFirst(StoreSetting.scheme.utf8.count)
    let at = UInt8(ascii: "@")
    let signs = rest.prefix { $0 != UInt8(ascii: "/") }.split(
      separator: at, maxSplits: 1, omittingEmptySubsequences: false)
    let places = signs.count == 2 ? rest[signs[1].startIndex...] : rest
    // A password may contain another `@`, and then its end cannot be found.
    guard !places.contains(at) else { return StoreSetting.scheme + "…" }
    let user = signs.count == 2 ? Array(signs[0].prefix { $0 != UInt8(ascii: ":") }) + [at] : []
    let place = places.prefix { $0 != UInt8(ascii: "?") }
    return StoreSetting.scheme + String(decoding: user + place, as: UTF8.self)
      + (place.count < places.count ? "?…" : "")
  }

  /// Whether the URI may contain a password, before the host or among the parameters.
  package var holdsPassword: Bool {
    guard case .postgreSQL(let uri) = self else { return false }
    let rest = uri.utf8.dropFirst(StoreSetting.scheme.utf8.count)
    let at = UInt8(ascii: "@")
    let user = rest.contains(at) ? rest.prefix { $0 != at } : rest.prefix(0)
    let name = Array("password".utf8)
    let query = Array(rest.drop { $0 != UInt8(ascii: "?") })
    return user.contains(UInt8(ascii: ":"))
      || query.indices.contains { query[$0...].starts(with: name) }
  }

  private static let scheme = "postgresql://"
}
