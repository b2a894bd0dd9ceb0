// Device tokens: what programs without a browser sign in with, such as git, WebDAV and calendars.
//
// An account makes tokens for itself and ends them. The store has their digests only. The contract's
// section 12.

/// The identifier of a device token, by which it is listed and ended.
///
/// It is not a secret: nobody can do anything with it alone.
package struct DeviceID: Identifier {
  package let text: String

  package init(unchecked text: String) { self.text = text }
}

/// A device token as the store keeps it.
package struct Device: Equatable, Sendable {
  package let id: DeviceID
  package let account: AccountID
  /// The digest of the token, so that nobody who reads the store can use a token.
  package let digest: String
  /// What its owner calls it.
  package let name: DeviceName
  /// The origins of the sites where it counts; nil for every site.
  package let sites: [String]?
  /// Whether it counts only for requests that read.
  package let isReadOnly: Bool
  package let createdAt: NumericDate
  /// When it was last used, exact to the hour; nil if it never was.
  package var lastUsedAt: NumericDate?
  /// The first second in which it does not count any more; nil if it does not end by itself.
  package let expiresAt: NumericDate?

  /// The number of device tokens that an account may have.
  package static let maximumCount = 100

  /// The number of sites that a device token may name.
  package static let maximumSiteCount = 100

  /// How old a login may be that makes a device token.
  package static let maximumLoginAge = Duration.seconds(600)

  /// The lifetimes that may be asked for, in seconds.
  package static let lifetimes: ClosedRange<Int64> = 1...3_660 * 86_400

  package init(
    id: DeviceID, account: AccountID, digest: String, name: DeviceName, sites: [String]?,
    isReadOnly: Bool, createdAt: NumericDate, lastUsedAt: NumericDate? = nil,
    expiresAt: NumericDate?
  ) {
    self.id = id
    self.account = account
    self.digest = digest
    self.name = name
    self.sites = sites
    self.isReadOnly = isReadOnly
    self.createdAt = createdAt
    self.lastUsedAt = lastUsedAt
    self.expiresAt = expiresAt
  }

  /// Whether it has not expired.
  package func isLive(at now: NumericDate) -> Bool {
    expiresAt.map { now < $0 } ?? true
  }

  /// The device token after a use; nil if the hour of its last use is stored already.
  ///
  /// The last use is exact to the hour, so that a token that is used all the time costs one write an
  /// hour, and so that the list of tokens is no record of somebody's day.
  package func used(at now: NumericDate) -> Device? {
    let hour = max(now.startOfHour, createdAt)
    guard lastUsedAt.map({ $0 < hour }) ?? true else { return nil }
    var used = self
    used.lastUsedAt = hour
    return used
  }
}

/// The name of a device token: 1 to 64 characters that can be shown in one line.
package struct DeviceName: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes a name of 1 to 64 code points.
  ///
  /// It returns nil for a name that begins or ends with a space, or that has a control character, a
  /// line separator, or a character that turns the direction of writing around.
  package init?(_ text: String) {
    let scalars = text.unicodeScalars
    guard (1...64).contains(scalars.count), scalars.first != " ", scalars.last != " ",
      scalars.allSatisfy(isShown)
    else { return nil }
    self.text = text
  }

  package var description: String { text }
}

private func isShown(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: false
  default: true
  }
}

extension NumericDate {
  /// The beginning of the hour.
  package var startOfHour: NumericDate {
    let rest = seconds % 3_600
    return self + -(rest < 0 ? rest + 3_600 : rest)
  }
}

/// A device token and its account, as they are stored at one moment.
package final class AccountDevice: Equatable, Sendable {
  package let device: Device
  package let account: Account

  package init(device: Device, account: Account) {
    self.device = device
    self.account = account
  }

  package static func == (left: AccountDevice, right: AccountDevice) -> Bool {
    left.device == right.device && left.account == right.account
  }

  /// Why the device token does not open this request, or nil if it opens it.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - now: The time of the request.
  /// - Returns: The first condition that does not hold.
  package func refusal(of request: DeviceRequest, at now: NumericDate) -> DeviceRefusal? {
    guard device.account == account.id, device.isLive(at: now) else { return .expired }
    guard !account.isDisabled else { return .accountDisabled }
    if let username = request.username, username != account.username { return .otherAccount }
    if let sites = device.sites {
      guard let site = request.site, sites.contains(site) else { return .otherSite }
    }
    guard !device.isReadOnly || !request.writes else { return .readOnly }
    return nil
  }
}

/// What a device token is asked to open.
package struct DeviceRequest: Equatable, Sendable {
  /// The username that came with the token; nil if none has to come with it.
  package let username: Username?
  /// The origin of the site; nil where none is named.
  package let site: String?
  /// Whether the request does more than read.
  package let writes: Bool

  package init(username: Username?, site: String?, writes: Bool) {
    self.username = username
    self.site = site
    self.writes = writes
  }
}

/// The reason why a device token does not count, for the log.
package enum DeviceRefusal: String, Equatable, Sendable {
  case unknown = "no such device token"
  case expired = "device token expired"
  case accountDisabled = "account disabled"
  case otherAccount = "device token of another account than the username says"
  case otherSite = "device token of other sites"
  case readOnly = "the device token may only read"
}

/// The outcome of making a device token.
package enum DeviceOutcome: Equatable, Sendable {
  case made
  /// The account has as many as it may have.
  case tooMany
  /// The account was deleted or disabled, or the session that asks ended, meanwhile.
  case outdated
}

extension AccountStore {
  /// Stores a device token, and deletes the account's expired ones.
  ///
  /// - Parameters:
  ///   - device: The device token.
  ///   - session: The session that asks for it and its account, as they were when the request was
  ///     accepted; nil for the administrator. If it was revoked since, no token is made: it would
  ///     outlive the revocation.
  /// - Returns: Whether it was made, or why not.
  /// - Throws: What `write` throws.
  package func make(
    _ device: Device, askedBy session: AccountSession? = nil
  ) throws(StoreError) -> DeviceOutcome {
    try write { rows throws(StoreError) in
      guard let owner = try rows.credentials(of: device.account), !owner.account.isDisabled else {
        return .outdated
      }
      if let asking = session?.session {
        let found = try rows.accountSession(of: asking.id)
        guard
          found?.accepts(account: device.account, version: asking.version, at: device.createdAt)
            == true
        else { return .outdated }
      }
      var live = 0
      for other in try rows.devices(of: device.account) {
        if other.isLive(at: device.createdAt) {
          live += 1
        } else {
          _ = try rows.delete(other.id)
        }
      }
      guard live < Device.maximumCount else { return .tooMany }
      try rows.insert(device)
      return .made
    }
  }

  /// The live device tokens of an account; the newest comes first.
  package func devices(
    of account: AccountID, at now: NumericDate
  ) throws(StoreError) -> [Device] {
    let all = try read { rows throws(StoreError) in try rows.devices(of: account) }
    return all.filter { $0.isLive(at: now) }
      .sorted { ($1.createdAt, $0.id.text) < ($0.createdAt, $1.id.text) }
  }

  /// Ends a device token; if an account is given, only one of this account.
  ///
  /// Returns false if there is no such device token.
  package func endDevice(
    _ device: DeviceID, of account: AccountID?
  ) throws(StoreError) -> Bool {
    try write { rows throws(StoreError) in
      if let account, try !rows.devices(of: account).contains(where: { $0.id == device }) {
        return false
      }
      guard try rows.delete(device) else { return false }
      try rows.noteRevocation(.device(device))
      return true
    }
  }

  /// For an engine to which each read is as cheap alone.
  package func accountDevices(
    of digests: [String]
  ) throws(StoreError) -> [String: Result<AccountDevice, StoreError>] {
    guard !digests.isEmpty else { return [:] }
    do throws(StoreError) {
      return try read { rows throws(StoreError) in
        var found: [String: Result<AccountDevice, StoreError>] = [:]
        for digest in digests {
          found[digest] = try rows.accountDevice(of: digest).map { .success($0) }
        }
        return found
      }
    } catch {
      guard case .corrupt = error else { throw error }
      return try accountDevicesApart(digests)
    }
  }

  /// Reads each device token in a transaction of its own, because damage ends a transaction.
  private func accountDevicesApart(
    _ digests: [String]
  ) throws(StoreError) -> [String: Result<AccountDevice, StoreError>] {
    var found: [String: Result<AccountDevice, StoreError>] = [:]
    for digest in digests {
      do throws(StoreError) {
        found[digest] = try read { rows throws(StoreError) in
          try rows.accountDevice(of: digest)
        }.map { .success($0) }
      } catch {
        guard case .corrupt = error else { throw error }
        found[digest] = .failure(error)
      }
    }
    return found
  }

  /// Stores that device tokens were used, exact to the hour; those that ended meanwhile are skipped.
  package func noteUses(_ uses: [(digest: String, at: NumericDate)]) throws(StoreError) {
    _ = try writeEach(uses.map(NotedUse.init)) { rows, use throws(StoreError) in
      guard let used = try rows.accountDevice(of: use.digest)?.device.used(at: use.time) else {
        return
      }
      try rows.update(used)
    }.map { result throws(StoreError) in try result.get() }
  }
}

private struct NotedUse: Sendable {
  let digest: String
  let time: NumericDate

  init(_ use: (digest: String, at: NumericDate)) {
    (digest, time) = use
  }
}
