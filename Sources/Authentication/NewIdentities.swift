// New accounts and sessions with random identifiers, and the client that a session remembers.

package import Accounts
package import Configuration
package import Token

/// The client that starts a session, as the list of sessions shows it to its owner.
package struct Client: Equatable, Sendable {
  /// The text of the address.
  package let address: String
  /// The User-Agent: at most 256 characters, none of them a control character.
  package let userAgent: String

  package init(address: String, userAgent: String) {
    self.address = address
    self.userAgent = userAgent
  }
}

extension Account {
  /// Makes an account with a new random identifier.
  ///
  /// - Throws: `RandomError`.
  package init(
    named username: Username, groups: [Group] = [], at now: NumericDate
  ) throws(RandomError) {
    let id = try Random.identifier()
    guard let id = AccountID(id) else { throw RandomError() }
    self.init(id: id, username: username, groups: groups, createdAt: now)
  }
}

extension Session {
  /// Makes a session of an account, with a new random identifier.
  ///
  /// - Parameters:
  ///   - account: The account.
  ///   - version: The account's token version.
  ///   - client: The client that starts the session.
  ///   - now: The time of the request.
  ///   - settings: The settings with the lifetimes.
  ///   - isShared: Whether the computer is shared with other people.
  /// - Throws: `RandomError`.
  package init(
    of account: AccountID, version: Int64, for client: Client, at now: NumericDate,
    under settings: Settings, isShared: Bool
  ) throws(RandomError) {
    let id = try Random.identifier()
    guard let id = SessionID(id) else { throw RandomError() }
    self.init(
      starting: id, account: account, version: version, at: now,
      lifetime: settings.sessionLifetime,
      sharedLifetime: isShared ? settings.sharedLifetime : nil, address: client.address,
      userAgent: client.userAgent)
  }
}
