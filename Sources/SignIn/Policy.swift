package import Accounts
package import Endpoint
package import PasswordHash

extension PasswordPolicy {
  /// The policy of these settings, with the blocklist of the state directory.
  ///
  /// - Throws: `BlocklistError` if there is no usable list: no password is set without one.
  package init(_ settings: Settings) throws(BlocklistError) {
    let list = try Blocklist(at: settings.blocklist)
    self.init { word in list.contains(word) }
  }

  /// Judges a new password by the settings that hold for a request.
  ///
  /// - Throws: The refusal that names the rule.
  package func admit(
    _ password: Password, for username: Username, in settings: Settings
  ) throws(Refusal) {
    try admit(
      password, for: username, minimum: settings.passwordMinimum, context: settings.siteNames)
  }
}

extension Settings {
  /// The names of this site that a password must not contain: `auth.example.org` and `example`.
  var siteNames: [String] {
    let labels = issuer.host.split(separator: ".").map(String.init)
    return [issuer.host] + labels.dropLast().suffix(1)
  }
}
