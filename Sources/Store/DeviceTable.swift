// The SQL of device tokens. It reads and writes rows, and decides nothing.
//
// The protocols in Accounts/AccountStore.swift describe the functions, and Schema.swift creates the
// table. A row that these programs would never write is reported as `corrupt`.

import Accounts

extension Connection {
  func accountDevice(of digest: String) throws(StoreError) -> AccountDevice? {
    try first(
      """
      SELECT d.id, d.digest, d.account, d.name, d.sites, d.is_read_only, d.created_at,
        d.last_used_at, d.expires_at,
        a.username, a.groups, a.version, a.is_disabled, a.created_at
      FROM device AS d JOIN account AS a ON a.id = d.account WHERE d.digest = ?1
      """, .text(digest)
    ) { row throws(StoreError) in
      let device = try readDevice(row)
      return AccountDevice(device: device, account: try readAccount(row, device.account, from: 9))
    }
  }

  func devices(of account: AccountID) throws(StoreError) -> [Device] {
    try all(
      """
      SELECT id, digest, account, name, sites, is_read_only, created_at, last_used_at, expires_at
      FROM device WHERE account = ?1
      """, .text(account.text), read: readDevice)
  }

  func insert(_ device: Device) throws(StoreError) {
    try run(
      """
      INSERT INTO device
        (id, digest, account, name, sites, is_read_only, created_at, last_used_at, expires_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
      """,
      .text(device.id.text), .text(device.digest), .text(device.account.text),
      .text(device.name.text), device.sites.map { .text($0.joined(separator: " ")) } ?? .null,
      .integer(device.isReadOnly ? 1 : 0), .integer(device.createdAt.seconds),
      device.lastUsedAt.map { .integer($0.seconds) } ?? .null,
      device.expiresAt.map { .integer($0.seconds) } ?? .null)
  }

  func update(_ device: Device) throws(StoreError) {
    try run(
      "UPDATE device SET last_used_at = ?2 WHERE id = ?1", .text(device.id.text),
      device.lastUsedAt.map { .integer($0.seconds) } ?? .null)
  }

  func delete(_ device: DeviceID) throws(StoreError) -> Bool {
    try run("DELETE FROM device WHERE id = ?1", .text(device.text)) > 0
  }

  func deleteDevices(of account: AccountID) throws(StoreError) -> Int {
    try run("DELETE FROM device WHERE account = ?1", .text(account.text))
  }

  func deleteDevices(endingBy time: NumericDate) throws(StoreError) {
    try run("DELETE FROM device WHERE expires_at <= ?1", .integer(time.seconds))
  }
}

private func readDevice(_ row: Row) throws(StoreError) -> Device {
  guard let id = DeviceID(try row.text(0)), let account = AccountID(try row.text(2)),
    let name = DeviceName(try row.text(3))
  else { throw .corrupt("device.id, account or name") }
  let sites = try row.optionalText(4)?.split(separator: " ").map(String.init)
  let isReadOnly = try row.integer(5)
  guard sites?.isEmpty != true, (0...1).contains(isReadOnly) else {
    throw .corrupt("device.sites or is_read_only of \(id)")
  }
  return Device(
    id: id, account: account, digest: try row.text(1), name: name, sites: sites,
    isReadOnly: isReadOnly == 1, createdAt: try row.date(6),
    lastUsedAt: try row.optionalDate(7), expiresAt: try row.optionalDate(8))
}
