import Accounts
import Testing

/// The contract's section 12.
@Suite struct `A device token` {
  private func device(
    sites: [String]? = nil, readOnly: Bool = false, lastUsed: Int64? = nil, expires: Int64? = nil
  ) throws -> Device {
    Device(
      id: try #require(DeviceID(String(repeating: "d", count: 26))), account: try account().id,
      digest: "digest", name: try #require(DeviceName("git")), sites: sites, isReadOnly: readOnly,
      createdAt: NumericDate(seconds: 1_000), lastUsedAt: lastUsed.map(NumericDate.init(seconds:)),
      expiresAt: expires.map(NumericDate.init(seconds:)))
  }

  private func account(disabled: Bool = false, version: Int64 = 1) throws -> Account {
    Account(
      id: try #require(AccountID(String(repeating: "a", count: 26))),
      username: try #require(Username("alice")), version: version, isDisabled: disabled,
      createdAt: NumericDate(seconds: 0))
  }

  private func refusal(
    _ device: Device, _ account: Account, username: String? = nil,
    site: String? = "https://a.test", writes: Bool = false, at now: Int64 = 2_000
  ) throws -> DeviceRefusal? {
    AccountDevice(device: device, account: account).refusal(
      of: DeviceRequest(
        username: try username.map { try #require(Username($0)) }, site: site, writes: writes),
      at: NumericDate(seconds: now))
  }

  @Test func `counts everywhere and for every method, unless it is held to less`() throws {
    let alice = try account()
    for site in ["https://a.test", nil] {
      for writes in [false, true] {
        #expect(try refusal(device(), alice, site: site, writes: writes) == nil)
      }
    }
  }

  @Test func `counts at its sites alone, and nowhere where no site is named`() throws {
    let alice = try account()
    let held = try device(sites: ["https://a.test", "https://b.test:8443"])
    #expect(try refusal(held, alice, site: "https://b.test:8443") == nil)
    for other in ["https://b.test", "https://c.test", "https://a.test.evil.test", "", nil] {
      #expect(try refusal(held, alice, site: other) == .otherSite)
    }
  }

  @Test func `that may only read opens no request that writes`() throws {
    let alice = try account()
    #expect(try refusal(device(readOnly: true), alice) == nil)
    #expect(try refusal(device(readOnly: true), alice, writes: true) == .readOnly)
  }

  @Test func `does not count from its end on, to the second`() throws {
    let alice = try account()
    #expect(try refusal(device(expires: 2_001), alice) == nil)
    #expect(try refusal(device(expires: 2_000), alice) == .expired)
    #expect(try refusal(device(), alice, at: .max) == nil)
  }

  @Test func `does not count while its account is disabled, whatever its version is`() throws {
    #expect(try refusal(device(), account(version: 7)) == nil)
    #expect(try refusal(device(), account(disabled: true)) == .accountDisabled)
  }

  @Test func `beside a username counts for that account alone`() throws {
    #expect(try refusal(device(), account(), username: "ALICE") == nil)
    #expect(try refusal(device(), account(), username: "bob") == .otherAccount)
  }

  @Test func `of another account's row is none`() throws {
    let other = Account(
      id: try #require(AccountID(String(repeating: "b", count: 26))),
      username: try #require(Username("alice")), createdAt: NumericDate(seconds: 0))
    #expect(try refusal(device(), other) == .expired)
  }

  @Test func `is stored as used once an hour, and never before it was made`() throws {
    func lastUse(_ last: Int64?, at now: Int64) throws -> Int64? {
      try device(lastUsed: last).used(at: NumericDate(seconds: now))?.lastUsedAt?.seconds
    }
    #expect(try lastUse(nil, at: 1_010) == 1_000)
    #expect(try lastUse(1_000, at: 3_599) == nil)
    #expect(try lastUse(1_000, at: 3_600) == 3_600)
    #expect(try lastUse(3_600, at: 7_199) == nil)
    #expect(try lastUse(3_600, at: 10_801) == 10_800)
    // A clock that was set back takes nothing away.
    #expect(try lastUse(7_200, at: 3_700) == nil)
    #expect(NumericDate(seconds: -1).startOfHour.seconds == -3_600)
  }

  @Test(arguments: [
    "g", "git on the laptop", "CalDAV – Büro", "日本語", "👩‍💻 phone", String(repeating: "é", count: 64),
  ])
  func `may be called`(name: String) {
    #expect(DeviceName(name)?.text == name)
  }

  @Test(arguments: [
    "", " ", " git", "git ", "a\nb", "a\u{0}", "a\u{7f}", "a\u{85}b", "a\u{2028}b",
    "a\u{202e}b", "a\u{2066}b", String(repeating: "x", count: 65),
  ])
  func `may not be called`(name: String) {
    #expect(DeviceName(name) == nil)
  }
}
