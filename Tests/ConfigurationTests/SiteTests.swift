import Configuration
import Testing

@Suite struct `The list of sites` {
  private func settings(_ sites: String) throws -> Settings {
    try Settings(environment: [
      ("TALLYSTICK_ISSUER", "https://auth.example.org"), ("TALLYSTICK_SITES", sites),
    ])
  }

  @Test func `names origins, and all names of one label below a domain`() throws {
    let settings = try settings("https://app.test,https://*.example.org, https://*.b.test:8443")
    for site in [
      "https://app.test", "https://a.example.org", "https://a-b.example.org",
      "https://x.b.test:8443", "https://auth.example.org",
    ] {
      #expect(settings.knownSite(site)?.text == site)
    }
    for site in [
      "https://other.test", "https://example.org", "https://a.b.example.org",
      "https://aexample.org", "https://a.example.org.evil.test", "https://x.b.test",
      "https://x.b.test:8444", "https://a.example.org:8443", "http://a.example.org",
    ] {
      #expect(settings.knownSite(site) == nil, "\(site)")
    }
  }

  /// The issuer guards pages of its own without being listed.
  @Test func `need not name the issuer`() throws {
    let settings = try settings("")
    #expect(settings.knownSite("https://auth.example.org") != nil)
    #expect(settings.knownSite("https://a.example.org") == nil)
  }

  /// One spelling of an origin counts: what a browser sends.
  @Test(arguments: [
    "https://App.test", "https://app.test.", "https://app.test:443", "https://app.test/",
    "https://user@app.test", "https://app.test@evil.test", "HTTPS://app.test", " https://app.test",
    "https://app.test#", "https://app.test?", "https:app.test", "//app.test", "app.test", "null",
    "",
    "https://app.test\n", "https://äpp.test", "https://app%2etest", "https:\\\\app.test",
  ])
  func `knows no other spelling`(site: String) throws {
    #expect(try settings("https://app.test").knownSite(site) == nil)
  }

  @Test(arguments: [
    "app.test", "http://app.test", "https://app.test/", "https://*", "https://*.",
    "https://*.*.test",
    "https://a.*.test", "https://*app.test", "https://*.10.0.0.1", "https://*.[::1]", "*",
  ])
  func `is refused where an entry is no origin`(entry: String) {
    #expect(throws: SettingError.self) { try settings(entry) }
  }
}
