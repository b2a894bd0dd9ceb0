// The password policy under the settings of this site.
//
// The rules are in Accounts/PasswordPolicy.swift. The minimum, the names of the site and the
// blocklist come from the settings.

package import Accounts
package import Configuration
package import PasswordHash

extension PasswordPolicy {
  /// The policy of these settings, with the blocklist of the state directory.
  ///
  /// - Throws: `BlocklistError` if there is no usable list: no password is set without one.
  package init(_ settings: Settings) throws(BlocklistError) {
    let list = try Blocklist(at: settings.blocklist)
    self.init { word in list.contains(word) }
  }

  /// Holds a new password to the settings that are in force for a request.
  ///
  /// - Throws: The refusal that names the rule.
  package func validate(
    _ password: Password, for username: Username, under settings: Settings
  ) throws(Refusal) {
    try validate(
      password, for: username, minimum: settings.passwordMinimum, context: settings.siteNames)
  }
}
