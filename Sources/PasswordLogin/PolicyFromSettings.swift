// The password policy with the settings of this site.
//
// The rules are in Accounts/PasswordPolicy.swift. The minimum, the names of the site and the
// blocklist come from the settings.

package import Accounts
package import Configuration
package import PasswordHash

extension PasswordPolicy {
  /// Makes the policy with the blocklist of the state directory.
  ///
  /// - Throws: `BlocklistError` if there is no usable list, because no password may be set then.
  package init(_ settings: Settings) throws(BlocklistError) {
    let list = try Blocklist(at: settings.blocklist)
    self.init { word in list.contains(word) }
  }

  /// Checks a new password under the settings of a request.
  ///
  /// - Throws: A refusal that names the rule.
  package func validate(
    _ password: Password, for username: Username, under settings: Settings
  ) throws(Refusal) {
    try validate(
      password, for: username, minimum: settings.passwordMinimum, context: settings.siteNames)
  }
}
