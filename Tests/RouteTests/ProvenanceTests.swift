import Configuration
import FastCGI
import Testing

@testable import Routes

private let issuer = Origin("https://auth.example.test")
private let listed = Origin("https://app.example.test")

private func provenance(origin: String?, site: String?) throws -> Provenance {
  func parameter(_ text: String?) -> Parameter {
    text.map { .single(ArraySlice($0.utf8)) } ?? .absent
  }
  return Provenance(
    origin: parameter(origin), fetchSite: parameter(site), issuer: try #require(issuer),
    allowed: [try #require(listed)])
}

/// The contract's section 4; T149, T150.
@Suite struct `A request that changes state` {
  @Test(
    arguments: [
      (nil, nil), (nil, "same-origin"), ("https://auth.example.test", nil),
      ("https://auth.example.test", "same-origin"),
    ] as [(String?, String?)])
  func `from our own pages or from no browser is let in`(origin: String?, site: String?) throws {
    #expect(try provenance(origin: origin, site: site) == .own)
  }

  @Test(
    arguments: [
      (nil, "cross-site"), (nil, "same-site"), (nil, "none"), (nil, ""), (nil, "Same-Origin"),
      ("https://auth.example.test", "cross-site"), ("https://auth.example.test", "same-site"),
      ("null", nil), ("https://evil.example", nil), ("https://auth.example.test.evil.com", nil),
      ("http://auth.example.test", nil), ("https://auth.example.test:8443", nil),
      ("https://AUTH.example.test", nil), ("", nil), ("null", "same-origin"),
      ("https://evil.example", "same-origin"),
    ] as [(String?, String?)])
  func `from anywhere else is not`(origin: String?, site: String?) throws {
    #expect(try provenance(origin: origin, site: site) == .foreign)
  }

  @Test func `from a listed origin is let in where the browser calls it same-site`() throws {
    let app = try #require(listed)
    for site in ["same-site", "same-origin", nil] as [String?] {
      #expect(try provenance(origin: app.text, site: site) == .listed(app))
    }
    for site in ["cross-site", "none"] {
      #expect(try provenance(origin: app.text, site: site) == .foreign)
    }
  }

  @Test func `with two Origin headers is not, whatever they say`() throws {
    let own = try #require(issuer)
    #expect(
      Provenance(origin: .repeated, fetchSite: .absent, issuer: own, allowed: []) == .foreign)
    #expect(
      Provenance(origin: .absent, fetchSite: .repeated, issuer: own, allowed: []) == .foreign)
  }
}
