import FastCGI
import Gate
import Testing

/// The table of the contract's section 10, row by row, and what no browser sends.
@Suite struct `A request with a gate cookie` {
  private let site = "https://app.example.org"

  private func use(_ headers: (name: String, value: String)..., method: String = "GET") -> GateUse {
    let parameters = Parameters([("REQUEST_METHOD", method)] + headers.map { ($0.name, $0.value) })
    return GateUse(parameters, at: ArraySlice(site.utf8))
  }

  @Test(arguments: ["none", "same-origin", "same-site", "cross-site"])
  func `that navigates is allowed from anywhere`(from: String) {
    #expect(
      use(
        ("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_FETCH_SITE", from),
        ("HTTP_SEC_FETCH_DEST", "document")) == .document)
    #expect(
      use(
        ("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_FETCH_SITE", from),
        ("HTTP_SEC_FETCH_DEST", "iframe")) == .own)
    #expect(
      use(("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_FETCH_SITE", from), method: "HEAD")
        == .own)
  }

  @Test(arguments: [nil, "document", "empty"])
  func `is of a document where Sec-Fetch-Dest says nothing else`(destination: String?) {
    let headers =
      [("HTTP_SEC_FETCH_MODE", "navigate")]
      + (destination.map { [("HTTP_SEC_FETCH_DEST", $0)] } ?? [])
    let parameters = Parameters([("REQUEST_METHOD", "GET")] + headers)
    #expect(GateUse(parameters, at: ArraySlice(site.utf8)) == .document)
  }

  @Test(arguments: ["GET", "HEAD"])
  func `that reads is allowed from the site itself and from no page`(method: String) {
    #expect(use(method: method) == .own)
    for from in ["same-origin", "none"] {
      #expect(use(("HTTP_SEC_FETCH_SITE", from), method: method) == .own)
      #expect(
        use(
          ("HTTP_SEC_FETCH_SITE", from), ("HTTP_SEC_FETCH_MODE", "no-cors"),
          ("HTTP_SEC_FETCH_DEST", "image"), method: method) == .own)
    }
    for from in ["same-site", "cross-site", "Same-Origin", "same-origin ", "x"] {
      #expect(use(("HTTP_SEC_FETCH_SITE", from), method: method) == .foreign)
      #expect(
        use(
          ("HTTP_SEC_FETCH_SITE", from), ("HTTP_SEC_FETCH_MODE", "cors"),
          ("HTTP_ORIGIN", site), method: method) == .foreign)
    }
  }

  @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get", "FOO_BAR"])
  func `that changes something is allowed with the origin of the site`(method: String) {
    #expect(use(("HTTP_ORIGIN", site), method: method) == .own)
    #expect(use(("HTTP_SEC_FETCH_SITE", "same-origin"), method: method) == .own)

    #expect(use(method: method) == .foreign)
    #expect(use(("HTTP_SEC_FETCH_SITE", "none"), method: method) == .foreign)
    #expect(use(("HTTP_SEC_FETCH_MODE", "navigate"), method: method) == .foreign)
    for origin in [
      "null", "https://app.example.org.evil.test", "https://app.example.org:443",
      "http://app.example.org", "https://APP.example.org", "https://other.example.org",
    ] {
      #expect(
        use(("HTTP_ORIGIN", origin), ("HTTP_SEC_FETCH_SITE", "same-origin"), method: method)
          == .foreign)
    }
  }

  /// RFC 6455 §10.2: a WebSocket is opened by a GET, and the browser adds the cookies.
  @Test func `that opens a WebSocket is held to its origin`() {
    #expect(use(("HTTP_UPGRADE", "websocket"), ("HTTP_ORIGIN", site)) == .own)
    #expect(use(("HTTP_UPGRADE", "websocket")) == .foreign)
    #expect(use(("HTTP_UPGRADE", "WebSocket"), ("HTTP_ORIGIN", "https://evil.test")) == .foreign)
    #expect(
      use(
        ("HTTP_UPGRADE", "websocket"), ("HTTP_ORIGIN", "https://evil.test"),
        ("HTTP_SEC_FETCH_MODE", "navigate")) == .foreign)
  }

  @Test(arguments: [
    "REQUEST_METHOD", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_DEST", "HTTP_UPGRADE",
  ])
  func `with a header that stands twice is foreign`(name: String) {
    let value = name == "REQUEST_METHOD" ? "GET" : "same-origin"
    let parameters = Parameters(
      [("REQUEST_METHOD", "GET")] + (name == "REQUEST_METHOD" ? [] : [(name, value)])
        + [(name, value)])
    #expect(GateUse(parameters, at: ArraySlice(site.utf8)) == .foreign)
  }

  @Test func `without a method is foreign`() {
    #expect(GateUse(Parameters([]), at: ArraySlice(site.utf8)) == .foreign)
  }

  @Test func `from a page that the location names may read`() {
    let named = ("TALLYSTICK_EMBEDDERS", "https://a.example.org,https://b.example.org")
    func embedded(_ headers: (String, String)..., method: String = "GET") -> GateUse {
      let parameters = Parameters(
        [("REQUEST_METHOD", method), named, ("HTTP_SEC_FETCH_SITE", "same-site")] + headers)
      return GateUse(parameters, at: ArraySlice(site.utf8))
    }
    #expect(embedded(("HTTP_REFERER", "https://b.example.org/")) == .own)
    #expect(embedded(("HTTP_REFERER", "https://a.example.org")) == .own)
    #expect(embedded(("HTTP_ORIGIN", "https://a.example.org")) == .own)

    #expect(embedded() == .foreign)
    #expect(embedded(("HTTP_REFERER", "https://a.example.org.evil.test/")) == .foreign)
    #expect(embedded(("HTTP_REFERER", "https://c.example.org/")) == .foreign)
    // The origin decides where there is one.
    #expect(
      embedded(
        ("HTTP_ORIGIN", "https://c.example.org"), ("HTTP_REFERER", "https://a.example.org/"))
        == .foreign)
    #expect(embedded(("HTTP_REFERER", "https://a.example.org/"), method: "POST") == .foreign)
  }
}
