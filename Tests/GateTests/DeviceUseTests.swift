import FastCGI
import Gate
import Testing

/// The contract's section 12.
@Suite struct `A request with a device token` {
  private func use(
    _ method: String?, ambient: Bool = false, site: String = "https://a.test",
    _ headers: [(String, String)] = []
  ) -> DeviceUse {
    let parameters = (method.map { [("REQUEST_METHOD", $0)] } ?? []) + headers
    return DeviceUse(
      Parameters(parameters), isAmbient: ambient, at: Array(site.utf8)[...])
  }

  @Test func `reads by five methods and writes by every other`() {
    for method in ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"] {
      #expect(use(method) == .reading)
    }
    for method in [
      "POST", "PUT", "DELETE", "PATCH", "MKCOL", "MOVE", "COPY", "LOCK", "PROPPATCH", "SEARCH",
      "get", "GET ", "", "TRACE",
    ] {
      #expect(use(method) == .writing)
    }
    #expect(use(nil) == .writing)
    #expect(use("GET", [("REQUEST_METHOD", "GET")]) == .writing)
  }

  @Test func `writes where it may become another behind nginx`() {
    for header in [
      "HTTP_UPGRADE", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE",
    ] {
      #expect(use("GET", [(header, "DELETE")]) == .writing)
      #expect(use("GET", [(header, "")]) == .reading)
      #expect(use("GET", [(header, ""), (header, "")]) == .writing)
    }
  }

  @Test func `of a program belongs to nobody's page`() {
    for method in ["GET", "POST", "PUT", "PROPFIND"] {
      for site in ["https://a.test", ""] {
        #expect(use(method, ambient: true, site: site) != .foreign)
      }
    }
  }

  @Test(arguments: [
    ("POST", [("HTTP_ORIGIN", "https://evil.test")]),
    ("POST", [("HTTP_ORIGIN", "null")]),
    ("POST", [("HTTP_SEC_FETCH_SITE", "cross-site")]),
    ("POST", [("HTTP_SEC_FETCH_SITE", "same-site"), ("HTTP_SEC_FETCH_MODE", "navigate")]),
    ("GET", [("HTTP_SEC_FETCH_SITE", "cross-site"), ("HTTP_SEC_FETCH_MODE", "no-cors")]),
    ("GET", [("HTTP_UPGRADE", "websocket"), ("HTTP_ORIGIN", "https://evil.test")]),
    ("GET", [("HTTP_ORIGIN", "https://a.test"), ("HTTP_ORIGIN", "https://a.test")]),
  ])
  func `of another site's page is foreign where a browser adds the password`(
    method: String, headers: [(String, String)]
  ) {
    for site in ["https://a.test", ""] {
      #expect(use(method, ambient: true, site: site, headers) == .foreign)
    }
    // A page cannot add a header of another kind to a request to another site unasked.
    #expect(use(method, headers) != .foreign)
  }

  @Test(arguments: [
    ("POST", [("HTTP_ORIGIN", "https://a.test"), ("HTTP_SEC_FETCH_SITE", "same-origin")]),
    ("GET", [("HTTP_SEC_FETCH_SITE", "same-origin")]),
    ("GET", [("HTTP_SEC_FETCH_SITE", "cross-site"), ("HTTP_SEC_FETCH_MODE", "navigate")]),
  ])
  func `of the site's own page, or a visitor's own way there, is not`(
    method: String, headers: [(String, String)]
  ) {
    for site in ["https://a.test", ""] {
      #expect(use(method, ambient: true, site: site, headers) != .foreign)
    }
  }

  @Test func `is known for a browser's by what only browsers send`() {
    func isBrowser(_ headers: [(String, String)]) -> Bool { Parameters(headers).isFromBrowser }
    for header in [
      ("HTTP_SEC_FETCH_SITE", "none"), ("HTTP_SEC_FETCH_MODE", "cors"),
      ("HTTP_SEC_FETCH_DEST", "document"), ("HTTP_ORIGIN", "https://a.test"),
      ("HTTP_ACCEPT", "text/html,application/xhtml+xml"),
    ] {
      #expect(isBrowser([header]))
    }
    #expect(!isBrowser([]))
    #expect(!isBrowser([("HTTP_ACCEPT", "*/*")]))
    let script = [("HTTP_ACCEPT", "text/html"), ("HTTP_X_REQUESTED_WITH", "XMLHttpRequest")]
    #expect(!isBrowser(script))
  }
}
