// New accounts, sessions and device tokens with random identifiers, and the client that a session remembers.

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

/// What somebody asks a new device token to be.
package struct DeviceWish: Equatable, Sendable {
  package let name: DeviceName
  /// The origins of the sites where it counts; nil for every site.
  package let sites: [String]?
  package let isReadOnly: Bool
  /// In seconds; nil for a token that does not end by itself.
  package let lifetime: Int64?

  package init(name: DeviceName, sites: [String]?, isReadOnly: Bool, lifetime: Int64?) {
    self.name = name
    self.sites = sites
    self.isReadOnly = isReadOnly
    self.lifetime = lifetime
  }
}

extension Device {
  /// Makes the row of a new device token, with a new random identifier.
  ///
  /// - Parameters:
  ///   - wish: What it is to be.
  ///   - account: Its owner.
  ///   - token: The token, of which the row has the digest.
  ///   - now: The time of the request.
  /// - Throws: `RandomError`.
  package init(
    _ wish: DeviceWish, for account: AccountID, token: DeviceToken, at now: NumericDate
  ) throws(RandomError) {
    let id = try Random.identifier()
    guard let id = DeviceID(id) else { throw RandomError() }
    self.init(
      id: id, account: account, digest: token.digest, name: wish.name, sites: wish.sites,
      isReadOnly: wish.isReadOnly, createdAt: now, expiresAt: wish.lifetime.map { now + $0 })
  }
}
