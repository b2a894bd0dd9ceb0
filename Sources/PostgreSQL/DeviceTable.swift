import Accounts

extension ServerTransaction {
  /// In a transaction that writes, the row of the device token is locked, and that of its account is
  /// not: nothing that is written depends on it.
  func accountDevice(of digest: String) throws(StoreError) -> AccountDevice? {
    let sql = mode == .write ? AccountDevices.lockingQuery : AccountDevices.query
    return try AccountDevices.read(try run(sql, .texts([digest])))[digest]?.get()
  }

  func devices(of account: AccountID) throws(StoreError) -> [Device] {
    let id = Value.text(account.text)
    let answer =
      switch mode {
      case .snapshot:
        try run(
          """
          SELECT id, digest, account, name, sites, is_read_only, created_at, last_used_at,
            expires_at
          FROM tallystick.device WHERE account = $1 ORDER BY id
          """, id)
      case .write:
        try run(
          """
          SELECT id, digest, account, name, sites, is_read_only, created_at, last_used_at,
            expires_at
          FROM tallystick.device WHERE account = $1 ORDER BY id FOR UPDATE
          """, id)
      }
    return try answer.map(readDevice)
  }

  func insert(_ device: Device) throws(StoreError) {
    runLater(
      """
      INSERT INTO tallystick.device
        (id, digest, account, name, sites, is_read_only, created_at, last_used_at, expires_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      """,
      .text(device.id.text), .text(device.digest), .text(device.account.text),
      .text(device.name.text), .optionalText(device.sites?.joined(separator: " ")),
      .bool(device.isReadOnly), .integer(device.createdAt.seconds),
      .optionalInteger(device.lastUsedAt?.seconds), .optionalInteger(device.expiresAt?.seconds))
  }

  func update(_ device: Device) throws(StoreError) {
    runLater(
      "UPDATE tallystick.device SET last_used_at = $2 WHERE id = $1", .text(device.id.text),
      .optionalInteger(device.lastUsedAt?.seconds))
  }

  func delete(_ device: DeviceID) throws(StoreError) -> Bool {
    try run("DELETE FROM tallystick.device WHERE id = $1", .text(device.text)).changes > 0
  }

  func deleteDevices(of account: AccountID) throws(StoreError) -> Int {
    try run(
      """
      DELETE FROM tallystick.device WHERE id IN
        (SELECT id FROM tallystick.device WHERE account = $1 ORDER BY id FOR UPDATE)
      """, .text(account.text)
    ).changes
  }

  func deleteDevices(endingBy time: NumericDate) throws(StoreError) {
    runLater(
      """
      DELETE FROM tallystick.device WHERE id IN
        (SELECT id FROM tallystick.device WHERE expires_at <= $1 ORDER BY id FOR UPDATE)
      """, .integer(time.seconds))
  }
}

/// Device tokens with their accounts, one statement for all of them: anybody can invent tokens, and
/// each would cost a round trip.
enum AccountDevices {
  static let query: StaticString = """
    SELECT d.id, d.digest, d.account, d.name, d.sites, d.is_read_only, d.created_at,
      d.last_used_at, d.expires_at,
      a.username, a.groups, a.version, a.is_disabled, a.created_at
    FROM tallystick.device AS d JOIN tallystick.account AS a ON a.id = d.account
    WHERE d.digest = ANY ($1::text[])
    """

  /// The same; the device tokens are locked in the order of their identifiers.
  static let lockingQuery: StaticString = """
    SELECT d.id, d.digest, d.account, d.name, d.sites, d.is_read_only, d.created_at,
      d.last_used_at, d.expires_at,
      a.username, a.groups, a.version, a.is_disabled, a.created_at
    FROM tallystick.device AS d JOIN tallystick.account AS a ON a.id = d.account
    WHERE d.digest = ANY ($1::text[]) ORDER BY d.id FOR UPDATE OF d
    """

  /// The device tokens of an answer by their digests; one that is damaged is a failure of its own.
  static func read(
    _ answer: Answer
  ) throws(StoreError) -> [String: Result<AccountDevice, StoreError>] {
    try answer.rows(by: { row throws(StoreError) in try row.text(1) }, readAccountDevice)
  }
}

private func readAccountDevice(_ row: Row) throws(StoreError) -> AccountDevice {
  let device = try readDevice(row)
  return AccountDevice(device: device, account: try readAccount(row, device.account, from: 9))
}

/// Reads a device token; what no program of ours would have stored is `corrupt`.
private func readDevice(_ row: Row) throws(StoreError) -> Device {
  guard let id = DeviceID(try row.text(0)), let account = AccountID(try row.text(2)),
    let name = DeviceName(try row.text(3))
  else { throw .corrupt("device.id, account or name") }
  let sites = try row.optionalText(4)?.split(separator: " ").map(String.init)
  guard sites?.isEmpty != true else { throw .corrupt("device.sites of \(id)") }
  return Device(
    id: id, account: account, digest: try row.text(1), name: name, sites: sites,
    isReadOnly: try row.bool(5), createdAt: try row.date(6),
    lastUsedAt: try row.optionalDate(7), expiresAt: try row.optionalDate(8))
}
