package import Accounts
package import Endpoint
package import PasswordHash

extension PasswordPolicy {
  /// The policy of these settings, with the blocklist of the state directory.
  ///
  /// - Throws: `BlocklistError` if there is no usable list: no password is set without one.
  package init(_ settings: Settings) throws(BlocklistError) {
    let list = try Blocklist(at: settings.blocklist)
    self.init(minimum: settings.passwordMinimum) { word in list.contains(word) }
  }
}

extension Settings {
  /// The names of this site that a password must not contain: `auth.example.org` and `example`.
  package var siteNames: [String] {
    let labels = issuer.host.split(separator: ".").map(String.init)
    return [issuer.host] + labels.dropLast().suffix(1)
  }
}
