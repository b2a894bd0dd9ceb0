// New accounts and sessions with random identifiers, and the client that a session remembers.

package import Accounts
package import Configuration
package import Token

/// The client that starts a session, as its owner will see it in the list of sessions.
package struct Client: Equatable, Sendable {
  /// The address as text.
  package let address: String
  /// The User-Agent, printable and at most 256 characters.
  package let userAgent: String

  package init(address: String, userAgent: String) {
    self.address = address
    self.userAgent = userAgent
  }
}

extension Account {
  /// An account with a new random identifier.
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
  /// A session of an account with a new random identifier.
  ///
  /// - Parameters:
  ///   - account: The account.
  ///   - version: The account's token version.
  ///   - client: Who starts it.
  ///   - now: The time of the request.
  ///   - settings: How long it lasts.
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
