// Copies a store into another one, whatever engines they use.
//
// Sessions keep their identifiers, generations and times, so all tokens stay valid. Only one-time
// codes, which expire within a minute, are not copied.

/// The numbers of rows in a store.
package struct StoreCounts: Equatable, Sendable {
  package var accounts = 0
  package var sessions = 0
  package var devices = 0
  package var knownNetworks = 0
  package var counters = 0

  package init() {}
}

/// The reason why a copy was not made, or why it is wrong.
package enum CopyError: Error, Equatable {
  case targetIsNotEmpty
  /// The stores differ after the copy; the text names the first difference.
  case differs(String)
}

/// An account and everything that belongs to it.
private struct Belongings: Equatable, Sendable {
  let credentials: Credentials
  /// The sessions; the one that was inserted last comes first.
  let sessions: [Session]
  /// The device tokens by their digests.
  let devices: [String: Device]
  /// The last logins by the text of the network.
  let logins: [String: NumericDate]
}

private let pageSize = 200

/// Copies everything into an empty store, then reads both stores and compares them.
///
/// No program may write to either store meanwhile.
///
/// - Parameters:
///   - source: The store to copy.
///   - target: An empty store.
/// - Returns: The numbers of copied rows.
/// - Throws: `CopyError`, or the error of a read or write; the target must then not be used.
package func copyStore(
  from source: any AccountStore, to target: any AccountStore
) throws -> StoreCounts {
  guard try target.accounts(after: nil, limit: 1).isEmpty, try counters(of: target).isEmpty else {
    throw CopyError.targetIsNotEmpty
  }
  var counts = StoreCounts()
  try forEachPage(of: source) { page in
    try target.write { rows throws(StoreError) in
      for one in page {
        guard try rows.insert(one.credentials) else {
          throw .corrupt("the account \(one.credentials.account.id) is there twice")
        }
        for session in one.sessions.reversed() { try rows.insert(session) }
        for device in one.devices.values { try rows.insert(device) }
        for (network, time) in one.logins {
          try rows.storeLogin(
            of: one.credentials.account.id, from: Network(text: network), at: time)
        }
      }
    }
    counts.accounts += page.count
    counts.sessions += page.reduce(0) { $0 + $1.sessions.count }
    counts.devices += page.reduce(0) { $0 + $1.devices.count }
    counts.knownNetworks += page.reduce(0) { $0 + $1.logins.count }
  }
  let counters = Array(try counters(of: source))
  for start in stride(from: 0, to: counters.count, by: pageSize) {
    let page = counters[start..<min(start + pageSize, counters.count)]
    try target.write { rows throws(StoreError) in
      for (key, counter) in page { try rows.store(counter, for: key) }
    }
  }
  counts.counters = counters.count
  try compare(source, target)
  return counts
}

/// Reads both stores and compares them.
private func compare(_ source: any AccountStore, _ target: any AccountStore) throws {
  var last: Username?
  try forEachPage(of: source) { page in
    let copied = try readPage(of: target, after: last)
    guard copied == page else {
      let different = zip(page, copied).first { $0 != $1 }?.0 ?? page.first
      throw CopyError.differs(
        "account \(different.map { $0.credentials.account.username.text } ?? "")")
    }
    last = page.last?.credentials.account.username
  }
  guard try target.accounts(after: last, limit: 1).isEmpty else {
    throw CopyError.differs("an account that was not copied")
  }
  guard try counters(of: source) == counters(of: target) else {
    throw CopyError.differs("a counter of wrong guesses")
  }
}

private func forEachPage(
  of store: any AccountStore, _ body: ([Belongings]) throws -> Void
) throws {
  var last: Username?
  while true {
    let page = try readPage(of: store, after: last)
    guard let end = page.last else { return }
    try body(page)
    last = end.credentials.account.username
  }
}

private func readPage(
  of store: any AccountStore, after name: Username?
) throws(StoreError) -> [Belongings] {
  try store.read { rows throws(StoreError) in
    var page: [Belongings] = []
    for account in try rows.accounts(after: name, limit: pageSize) {
      guard let credentials = try rows.credentials(of: account.id) else { continue }
      var logins: [String: NumericDate] = [:]
      for (network, time) in try rows.logins(of: account.id) { logins[network.text] = time }
      let devices = try rows.devices(of: account.id).map { ($0.digest, $0) }
      page.append(
        Belongings(
          credentials: credentials, sessions: try rows.sessions(of: account.id),
          devices: Dictionary(devices) { first, _ in first }, logins: logins))
    }
    return page
  }
}

private func counters(
  of store: any AccountStore
) throws(StoreError) -> [AttemptKey: AttemptCounter] {
  let found = try store.read { rows throws(StoreError) in
    try rows.counters(name: nil, network: nil)
  }
  return Dictionary(found.map { ($0.key, $0.counter) }) { first, _ in first }
}
