/// Which engine keeps accounts and sessions, and where: the setting `STORE`.
///
/// It comes from the environment alone, and it may hold a password: no message repeats it.
package enum StoreSetting: Equatable, Sendable {
  /// The file in the state directory.
  case sqlite
  /// A server, as a URI of libpq says it.
  case postgreSQL(uri: String)

  /// Takes `sqlite` or a URI that begins with `postgresql://`; nil for anything else.
  ///
  /// What stands behind that, libpq alone understands.
  package init?(_ text: String) {
    if text == "sqlite" {
      self = .sqlite
    } else if text.utf8.starts(with: StoreSetting.scheme.utf8), !text.utf8.contains(0) {
      self = .postgreSQL(uri: text)
    } else {
      return nil
    }
  }

  /// The setting as it may be shown: user, hosts and database, and neither password nor parameters.
  package var shown: String {
    guard case .postgreSQL(let uri) = self else { return "sqlite" }
    let rest = uri.utf8.dropFirst(StoreSetting.scheme.utf8.count)
    let at = UInt8(ascii: "@")
    let signs = rest.prefix { $0 != UInt8(ascii: "/") }.split(
      separator: at, maxSplits: 1, omittingEmptySubsequences: false)
    let places = signs.count == 2 ? rest[signs[1].startIndex...] : rest
    // Another one may stand in a password: who knows where that ends.
    guard !places.contains(at) else { return StoreSetting.scheme + "…" }
    let user = signs.count == 2 ? Array(signs[0].prefix { $0 != UInt8(ascii: ":") }) + [at] : []
    let place = places.prefix { $0 != UInt8(ascii: "?") }
    return StoreSetting.scheme + String(decoding: user + place, as: UTF8.self)
      + (place.count < places.count ? "?…" : "")
  }

  private static let scheme = "postgresql://"
}
