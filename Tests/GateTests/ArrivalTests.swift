import FastCGI
import Gate
import Testing

@Suite struct `A request that arrives without a credential` {
  private func arrival(
    _ headers: (name: String, value: String)..., method: String = "GET"
  ) -> Arrival {
    Arrival(Parameters([("REQUEST_METHOD", method)] + headers.map { ($0.name, $0.value) }))
  }

  private let navigate = ("HTTP_SEC_FETCH_MODE", "navigate")

  @Test(arguments: ["none", "same-origin", "same-site", "cross-site"])
  func `is a document where a browser navigates`(from: String) {
    #expect(arrival(navigate, ("HTTP_SEC_FETCH_SITE", from)) == .document)
    for destination in ["document", "empty"] {
      #expect(
        arrival(navigate, ("HTTP_SEC_FETCH_DEST", destination), ("HTTP_SEC_FETCH_SITE", from))
          == .document)
    }
  }

  @Test func `is a document without Fetch Metadata where HTML is asked for`() {
    let accept = ("HTTP_ACCEPT", "text/html,application/xhtml+xml;q=0.9")
    #expect(arrival(accept) == .document)
    #expect(arrival(accept, ("HTTP_X_REQUESTED_WITH", "XMLHttpRequest")) == .other)
    #expect(arrival(("HTTP_ACCEPT", "*/*")) == .other)
    #expect(arrival() == .other)
    // A script that asks for HTML says so by its mode.
    #expect(arrival(accept, ("HTTP_SEC_FETCH_MODE", "cors")) == .other)
    #expect(arrival(accept, ("HTTP_SEC_FETCH_SITE", "same-origin")) == .other)
  }

  @Test(arguments: ["iframe", "frame", "embed", "object"])
  func `is shown in a frame`(destination: String) {
    #expect(arrival(navigate, ("HTTP_SEC_FETCH_DEST", destination)) == .frame)
  }

  @Test func `is a form where a navigation sends something`() {
    #expect(arrival(navigate, ("HTTP_SEC_FETCH_DEST", "document"), method: "POST") == .form)
    #expect(arrival(("HTTP_ACCEPT", "text/html"), method: "POST") == .form)
    #expect(arrival(navigate, method: "HEAD") == .other)
  }

  @Test func `is never redirected where a script or an element asks`() {
    for mode in ["cors", "no-cors", "same-origin", "websocket"] {
      #expect(arrival(("HTTP_SEC_FETCH_MODE", mode), ("HTTP_ACCEPT", "text/html")) == .other)
    }
    #expect(arrival(navigate, ("HTTP_UPGRADE", "websocket")) == .other)
  }

  /// peers-2026: mail scanners and prefetchers open links.
  @Test func `is not redirected where nobody looks at the answer`() {
    #expect(arrival(navigate, ("HTTP_SEC_PURPOSE", "prefetch")) == .other)
    #expect(arrival(navigate, ("HTTP_SEC_PURPOSE", "prefetch;prerender")) == .other)
  }
}
