import Accounts
import Testing

/// A device token for a test; its digest is its name.
func newDevice(
  _ name: String = "git", of account: Account, sites: [String]? = nil, readOnly: Bool = false,
  at now: NumericDate = t(0), lifetime: Int64? = nil
) throws -> Device {
  Device(
    id: try #require(DeviceID(newSessionID().text)), account: account.id, digest: "digest \(name)",
    name: try #require(DeviceName(name)), sites: sites, isReadOnly: readOnly, createdAt: now,
    expiresAt: lifetime.map { now + $0 })
}

extension Bench {
  /// The stored device token with a digest, and its account.
  func device(_ device: Device) throws -> AccountDevice? {
    try store.accountDevices(of: [device.digest])[device.digest]?.get()
  }
}

@Suite struct `Device tokens in the store` {
  @Test(arguments: Engine.all)
  func `come back as they were made, with their account`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person(groups: [try #require(Group("staff"))]).credentials.account
    let plain = try newDevice(of: alice)
    let held = try newDevice(
      "CalDAV – Büro", of: alice, sites: ["https://a.test", "https://b.test:8443"], readOnly: true,
      at: t(7), lifetime: 60)
    #expect(try bench.store.make(plain) == .made)
    #expect(try bench.store.make(held) == .made)
    let found = try bench.store.accountDevices(of: [plain.digest, held.digest, "none", ""])
    #expect(found.count == 2)
    #expect(try found[plain.digest]?.get() == AccountDevice(device: plain, account: alice))
    #expect(try found[held.digest]?.get() == AccountDevice(device: held, account: alice))
    #expect(try bench.store.accountDevices(of: []).isEmpty)
  }

  @Test(arguments: Engine.all)
  func `are listed for their account, the newest first, while they live`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    let bob = try bench.person("bob").credentials.account
    let first = try newDevice("first", of: alice)
    let second = try newDevice("second", of: alice, at: t(1), lifetime: 10)
    let third = try newDevice("third", of: alice, at: t(2))
    let others = try newDevice("bob's", of: bob)
    for device in [first, others, third, second] {
      #expect(try bench.store.make(device) == .made)
    }
    #expect(try bench.store.devices(of: alice.id, at: t(10)) == [third, second, first])
    #expect(try bench.store.devices(of: alice.id, at: t(11)) == [third, first])
    #expect(try bench.store.devices(of: bob.id, at: t(11)) == [others])
    #expect(try bench.store.devices(of: newAccountID(), at: t(0)) == [])
  }

  @Test(arguments: Engine.all)
  func `are as many as an account may have, expired ones not counted`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    let bob = try bench.person("bob").credentials.account
    for index in 0..<Device.maximumCount {
      let lifetime: Int64? = index == 0 ? 10 : nil
      let device = try newDevice("\(index)", of: alice, lifetime: lifetime)
      #expect(try bench.store.make(device) == .made)
    }
    #expect(try bench.store.make(try newDevice("more", of: alice, at: t(9))) == .tooMany)
    #expect(try bench.store.make(try newDevice("of bob", of: bob, at: t(9))) == .made)
    #expect(try bench.store.make(try newDevice("in time", of: alice, at: t(10))) == .made)
    #expect(try bench.store.make(try newDevice("again", of: alice, at: t(10))) == .tooMany)
    #expect(try bench.store.devices(of: alice.id, at: t(9)).count == Device.maximumCount)
  }

  @Test(arguments: Engine.all)
  func `are not made for an account that is gone or disabled`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    #expect(try bench.store.setDisabled(true, account: alice.id))
    #expect(try bench.store.make(try newDevice(of: alice)) == .outdated)
    #expect(try bench.store.delete(alice.id))
    #expect(try bench.store.make(try newDevice(of: alice)) == .outdated)
  }

  /// The request was accepted before, and the revocation was answered before its write (T053, T054).
  @Test(arguments: Engine.all)
  func `are not made by a session that was revoked since`(engine: Engine) throws {
    let bench = try Bench(engine)
    func outcome(
      _ name: String, after revoke: (AccountSession) throws -> Void
    ) throws -> DeviceOutcome {
      let (credentials, session) = try bench.person(name)
      let caller = AccountSession(session: session, account: credentials.account)
      try revoke(caller)
      return try bench.store.make(
        try newDevice("of \(name)", of: credentials.account), askedBy: caller)
    }
    #expect(try outcome("alice") { _ in } == .made)
    #expect(
      try outcome("bob") { _ = try bench.store.revoke($0.account.id) } == .outdated)
    #expect(
      try outcome("carol") { _ = try bench.store.revokeWithDevices($0.account.id) } == .outdated)
    #expect(
      try outcome("dave") {
        _ = try bench.store.endSession($0.session.id, of: $0.account.id)
      } == .outdated)
  }

  @Test(arguments: Engine.all)
  func `end one by one, for their owner or the administrator alone`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    let bob = try bench.person("bob").credentials.account
    let (first, second) = (
      try newDevice("first", of: alice), try newDevice("second", of: alice)
    )
    #expect(try bench.store.make(first) == .made)
    #expect(try bench.store.make(second) == .made)
    let before = try bench.mark()
    #expect(try !bench.store.endDevice(first.id, of: bob.id))
    #expect(try bench.mark() == before)
    #expect(try bench.store.endDevice(first.id, of: alice.id))
    let after = try bench.mark()
    #expect(after != before)
    #expect(try !bench.store.endDevice(first.id, of: alice.id))
    #expect(try bench.mark() == after)
    #expect(try bench.device(first) == nil)
    #expect(try bench.device(second) != nil)
    #expect(try bench.store.endDevice(second.id, of: nil))
    #expect(try bench.device(second) == nil)
  }

  @Test(arguments: Engine.all)
  func `survive what ends sessions, and see a disabled account as disabled`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (credentials, session) = try bench.person()
    let alice = credentials.account
    let device = try newDevice(of: alice)
    #expect(try bench.store.make(device) == .made)
    #expect(try bench.store.revoke(alice.id) == 2)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.store.setPasswordHash("new", account: alice.id))
    #expect(try bench.device(device)?.account.version == 3)
    #expect(try bench.store.setDisabled(true, account: alice.id))
    #expect(try bench.device(device)?.account.isDisabled == true)
    #expect(try bench.store.setDisabled(false, account: alice.id))
    #expect(try bench.device(device)?.account.isDisabled == false)
  }

  @Test(arguments: Engine.all)
  func `end with their account, and with a revocation that says so`(engine: Engine) throws {
    let bench = try Bench(engine)
    let (credentials, session) = try bench.person()
    let alice = credentials.account
    let bob = try bench.person("bob").credentials.account
    let (mine, theirs) = (try newDevice("mine", of: alice), try newDevice("theirs", of: bob))
    #expect(try bench.store.make(mine) == .made)
    #expect(try bench.store.make(theirs) == .made)
    let before = try bench.mark()
    #expect(try bench.store.revokeWithDevices(alice.id) == 1)
    #expect(try bench.mark() != before)
    #expect(try bench.device(mine) == nil)
    #expect(try bench.store.accountSession(of: session.id) == nil)
    #expect(try bench.store.credentials(of: alice.id)?.account.version == 2)
    #expect(try bench.store.revokeWithDevices(newAccountID()) == nil)
    #expect(try bench.device(theirs) != nil)
    #expect(try bench.store.delete(bob.id))
    #expect(try bench.device(theirs) == nil)
  }

  @Test(arguments: Engine.all)
  func `are pruned when they have ended`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    let (short, long) = (
      try newDevice("short", of: alice, lifetime: 10), try newDevice("long", of: alice)
    )
    #expect(try bench.store.make(short) == .made)
    #expect(try bench.store.make(long) == .made)
    _ = try bench.store.prune(at: t(9), unusedSince: t(-1))
    #expect(try bench.device(short) != nil)
    _ = try bench.store.prune(at: t(10), unusedSince: t(-1))
    #expect(try bench.device(short) == nil)
    #expect(try bench.device(long) != nil)
  }

  @Test(arguments: Engine.all)
  func `know their last use to the hour, without a revocation`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    let device = try newDevice(of: alice)
    #expect(try bench.store.make(device) == .made)
    let before = try bench.mark()
    let later = t(7_300)
    try bench.store.noteUses([(digest: device.digest, at: later), (digest: "none", at: later)])
    #expect(try bench.device(device)?.device.lastUsedAt == later.startOfHour)
    try bench.store.noteUses([(digest: device.digest, at: t(1))])
    #expect(try bench.device(device)?.device.lastUsedAt == later.startOfHour)
    #expect(try bench.mark() == before)
    try bench.store.noteUses([])
  }

  /// T071: whoever makes many at once has no more than one after the other.
  @Test(arguments: Engine.all)
  func `are not more when they are made at once`(engine: Engine) throws {
    let bench = try Bench(engine)
    let alice = try bench.person().credentials.account
    for index in 0..<(Device.maximumCount - 3) {
      #expect(try bench.store.make(try newDevice("\(index)", of: alice)) == .made)
    }
    let outcomes = try concurrently(8) { index in
      try bench.store.make(try newDevice("at once \(index)", of: alice))
    }
    #expect(outcomes.filter { $0 == .made }.count == 3)
    #expect(outcomes.filter { $0 == .tooMany }.count == 5)
  }

  @Test(arguments: Engine.all, Engine.all)
  func `are in a copy of their store`(from: Engine, to: Engine) throws {
    let (source, target) = (try Bench(from), try Bench(to))
    let alice = try source.person().credentials.account
    let devices = [
      try newDevice("plain", of: alice),
      try newDevice("held", of: alice, sites: ["https://a.test"], readOnly: true, lifetime: 60),
    ]
    for device in devices { #expect(try source.store.make(device) == .made) }
    try source.store.noteUses([(digest: devices[0].digest, at: t(5))])
    #expect(try copyStore(from: source.store, to: target.store).devices == 2)
    for device in devices { #expect(try target.device(device) == source.device(device)) }
  }
}
