import Testing

@testable import Configuration

private func settings(_ variables: [String: String]) throws(SettingError) -> Settings {
  var all = ["TALLYSTICK_ISSUER": "https://auth.example.test"]
  all.merge(variables) { $1 }
  return try Settings(environment: all.map { ($0, $1) })
}

@Suite struct `The settings` {
  @Test func `have the contract's defaults`() throws {
    let settings = try settings([:])
    #expect(settings.state == "/var/lib/tallystick")
    #expect(settings.audience == "https://auth.example.test")
    #expect(settings.accessLifetime == .seconds(900))
    #expect(settings.refreshLifetime == .seconds(604_800))
    #expect(settings.sessionLifetime == .seconds(7_776_000))
    #expect(settings.reuseWindow == .seconds(10))
    #expect(settings.leeway == .seconds(2))
    #expect(!settings.isRegistrationOpen)
    #expect(settings.passwordMinimum == 8)
    #expect(settings.maximumSessions == 100)
    #expect(settings.allowedOrigins.isEmpty)
    #expect(settings.logLevel == .info)
  }

  @Test func `need an issuer`() {
    let error = #expect(throws: SettingError.self) { try Settings(environment: []) }
    #expect(error?.line.hasPrefix("TALLYSTICK_ISSUER is not set: an https origin") == true)
    #expect(throws: SettingError.self) { try settings(["TALLYSTICK_ISSUER": ""]) }
  }

  @Test(arguments: [
    ("TALLYSTICK_ISSUER", "http://auth.example.test"), ("TALLYSTICK_ISSUER", "https://a/"),
    ("TALLYSTICK_STATE", "relative/path"), ("TALLYSTICK_ACCESS_LIFETIME", "15"),
    ("TALLYSTICK_ACCESS_LIFETIME", "-15m"), ("TALLYSTICK_ACCESS_LIFETIME", "0s"),
    ("TALLYSTICK_ACCESS_LIFETIME", "1.5h"), ("TALLYSTICK_REFRESH_LIFETIME", "401d"),
    ("TALLYSTICK_REUSE_WINDOW", "10 s"), ("TALLYSTICK_LEEWAY", "6s"),
    ("TALLYSTICK_REGISTRATION", "Open"), ("TALLYSTICK_REGISTRATION", ""),
    ("TALLYSTICK_PASSWORD_MIN", "7"), ("TALLYSTICK_PASSWORD_MIN", "+8"),
    ("TALLYSTICK_MAX_SESSIONS", "0"), ("TALLYSTICK_ALLOWED_ORIGINS", "*"),
    ("TALLYSTICK_ALLOWED_ORIGINS", "https://ok.test https://no.test/"),
    ("TALLYSTICK_AUDIENCE", "two words"), ("TALLYSTICK_LOG_LEVEL", "loud"),
  ])
  func `that are wrong are refused by name, value and what is allowed`(
    variable: String, value: String
  ) throws {
    let error = #expect(throws: SettingError.self) { try settings([variable: value]) }
    #expect(error?.variable == variable)
    #expect(error?.line.contains(variable) == true)
    #expect(error?.line.contains("\n") == false)
  }

  @Test(arguments: ["TALLYSTICK_LEEWAI", "TALLYSTICK_", "TALLYSTICK_leeway", "TALLYSTICK_LEEWAY_"])
  func `that no program knows are refused by name, value and the names that are known`(
    variable: String
  ) throws {
    let error = #expect(throws: SettingError.self) { try settings([variable: "2s"]) }
    #expect(error?.line.hasPrefix("\(variable)=\"2s\" is unknown: allowed are TALLYSTICK_") == true)
    for setting in Settings.table { #expect(error?.line.contains(setting.variable) == true) }
    #expect(error?.line.contains("\n") == false)
  }

  @Test func `that are misspelt are told apart from those that are not set`() {
    let error = #expect(throws: SettingError.self) {
      try Settings(environment: [("TALLYSTICK_ISSUR", "https://auth.example.test")])
    }
    #expect(error?.variable == "TALLYSTICK_ISSUR")
  }

  @Test(arguments: [
    ("TALLYSTICK_STORAGE", "postgresql://tally:stick@db.example.test"),
    ("TALLYSTICK_SECRET", "hunter2"), ("TALLYSTICK_DB_PASSWORD", "hunter2"),
  ])
  func `that no program knows do not show what may be a secret`(variable: String, value: String) {
    let error = #expect(throws: SettingError.self) { try settings([variable: value]) }
    #expect(error?.line.hasPrefix("\(variable) is unknown: ") == true)
    #expect(error?.line.contains(value) == false)
  }

  @Test func `are refused if the environment names one twice`() {
    let issuer = ("TALLYSTICK_ISSUER", "https://auth.example.test")
    let error = #expect(throws: SettingError.self) { try Settings(environment: [issuer, issuer]) }
    #expect(error?.allowed == "named once")
  }

  @Test(arguments: Settings.table.map(\.variable))
  func `are shown as they would be read`(variable: String) throws {
    let first = try settings([:])
    let rows = first.rows.map { (name: $0.variable, value: $0.value) }
    #expect(rows.contains { $0.name == variable })
    #expect(try Settings(environment: rows).rows.map(\.value) == rows.map(\.value))
  }

  @Test(arguments: [
    ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("0s", 0),
  ])
  func `read durations in whole units`(text: String, seconds: Int64) {
    #expect(wholeSeconds(text) == seconds)
  }

  @Test(arguments: ["", "s", "10", "1 m", "1M", "١s", "9999999999999s", "1m30s", "0x1s"])
  func `refuse anything else as a duration`(text: String) {
    #expect(wholeSeconds(text) == nil)
  }

  @Test func `may be adjusted by the parameters of a request`() throws {
    let base = try settings([:])
    let changed = try base.overridden(by: [
      ("TALLYSTICK_REGISTRATION", "open"), ("TALLYSTICK_AUDIENCE", "https://api.example.test"),
    ])
    #expect(changed.isRegistrationOpen)
    #expect(changed.audience == "https://api.example.test")
    #expect(changed.issuer == base.issuer)
  }

  @Test func `keep the audience equal to an issuer that a request's parameters give`() throws {
    let changed = try settings([:]).overridden(by: [
      ("TALLYSTICK_ISSUER", "https://other.example.test")
    ])
    #expect(changed.audience == "https://other.example.test")
  }

  @Test func `ignore parameters of a request that no setting has`() throws {
    let base = try settings([:])
    #expect(try base.overridden(by: [("TALLYSTICK_LEEWAI", "1h")]) == base)
  }

  @Test func `take no path from the parameters of a request`() throws {
    let base = try settings([:])
    #expect(try base.overridden(by: [("TALLYSTICK_STATE", "/tmp")]) == base)
  }

  @Test func `refuse a parameter that is wrong or stands twice`() throws {
    let base = try settings([:])
    #expect(throws: SettingError.self) {
      try base.overridden(by: [("TALLYSTICK_LEEWAY", "1h")])
    }
    #expect(throws: SettingError.self) {
      try base.overridden(by: [("TALLYSTICK_LEEWAY", "1s"), ("TALLYSTICK_LEEWAY", "1s")])
    }
  }
}

/// RFC 6454 §6.2.
@Suite struct `An origin` {
  @Test(arguments: [
    "https://localhost", "https://localhost:8443", "https://auth.example.test",
    "https://127.0.0.1:8443", "https://[::1]:8443", "https://xn--bcher-kva.example",
  ])
  func `in its canonical spelling is accepted`(text: String) {
    #expect(Origin(text)?.text == text)
  }

  @Test(arguments: [
    "", "null", "*", "http://localhost", "https://", "https:///", "https://localhost/",
    "https://localhost:443", "https://localhost:0", "https://localhost:08443",
    "https://localhost:65536", "https://localhost:", "https://LOCALHOST", "https://a b",
    "https://user@host", "https://a..b", "https://-a.test", "https://a_b.test",
    "https://host?x", "https://host#x", "https://b\u{fc}cher.test", "https://[::1", "HTTPS://a",
  ])
  func `in any other spelling is not`(text: String) {
    #expect(Origin(text) == nil)
  }

  @Test func `names the domains a sibling could plant a cookie for`() {
    #expect(
      Origin("https://a.auth.example.test")?.cookieDomains == [
        "a.auth.example.test", "auth.example.test", "example.test",
      ])
    #expect(Origin("https://localhost:8443")?.cookieDomains == [])
    #expect(Origin("https://127.0.0.1")?.cookieDomains == [])
    #expect(Origin("https://[::1]")?.cookieDomains == [])
  }
}

/// Contract, section 6: `STORE` and `CHECK_STALENESS`.
@Suite struct `The store's setting` {
  @Test(arguments: [
    ("sqlite", "sqlite"), ("postgresql://", "postgresql://"),
    ("postgresql://auth.example/tallystick", "postgresql://auth.example/tallystick"),
    ("postgresql://us:secret@a:1,b:2/db?sslmode=verify-full", "postgresql://us@a:1,b:2/db?…"),
    ("postgresql://us:s?cret@a/db", "postgresql://us@a/db"),
    ("postgresql:///db?host=/run/x&password=secret", "postgresql:///db?…"),
    ("postgresql://us:sec@ret@a/db", "postgresql://…"),
    ("postgresql://us:sec/ret@a/db", "postgresql://…"),
  ])
  func `is shown without what may be a password`(text: String, shown: String) throws {
    let setting = try settings(["TALLYSTICK_STORE": text]).store
    #expect(setting.shown == shown)
    #expect(!setting.shown.contains("cret"))
  }

  @Test(arguments: ["", "SQLite", "postgres://h/db", "mysql://us:secret@h/db", " sqlite"])
  func `that is wrong is refused without being repeated`(text: String) {
    let error = #expect(throws: SettingError.self) { try settings(["TALLYSTICK_STORE": text]) }
    #expect(error?.line.contains("TALLYSTICK_STORE") == true)
    #expect(error?.line.contains("secret") == false)
  }

  @Test(arguments: ["0s", "1s", "10s"])
  func `may be followed a few seconds late, if it is on a server`(age: String) throws {
    let remote = ["TALLYSTICK_STORE": "postgresql://h/db", "TALLYSTICK_CHECK_STALENESS": age]
    #expect(try settings(remote).checkStaleness == .seconds(wholeSeconds(age) ?? -1))
    guard age != "0s" else { return }
    #expect(throws: SettingError.self) { try settings(["TALLYSTICK_CHECK_STALENESS": age]) }
  }

  @Test(arguments: ["11s", "1", "-1s", "1m"])
  func `may not be followed later than that`(age: String) {
    #expect(throws: SettingError.self) {
      try settings(["TALLYSTICK_STORE": "postgresql://h/db", "TALLYSTICK_CHECK_STALENESS": age])
    }
  }

  @Test func `is none of a request's parameters`() throws {
    let settings = try settings([:])
    let overridden = try settings.overridden(by: [
      ("TALLYSTICK_STORE", "postgresql://h/db"), ("TALLYSTICK_CHECK_STALENESS", "10s"),
    ])
    #expect(overridden == settings)
  }
}
