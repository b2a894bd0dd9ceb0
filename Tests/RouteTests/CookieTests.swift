import Configuration
import Testing

@testable import Routes

@Suite struct `A cookie path` {
  @Test(arguments: ["/auth/refresh", "/", "/a-b_c.d~e/F"])
  func `is unreserved characters after a slash`(path: String) {
    #expect(RefreshCookie.isPath(path))
  }

  @Test(arguments: ["", "auth", "/a;b", "/a b", "/a\r\nSet-Cookie: x", "/a%2f", "/\u{e9}"])
  func `is nothing else`(path: String) {
    #expect(!RefreshCookie.isPath(path))
  }
}

/// The contract's section 3; RFC 6265 §5.1.4.
@Suite struct `Cookies that a sibling planted` {
  @Test func `are deleted on every path whose cookies the route is sent`() {
    #expect(
      RefreshCookie.pathsAbove("/auth/refresh") == ["/", "/auth", "/auth/", "/auth/refresh"])
    #expect(RefreshCookie.pathsAbove("/") == ["/"])
    #expect(RefreshCookie.pathsAbove("/r") == ["/", "/r"])
  }

  @Test func `are deleted for the host and each domain above it, and ours is not touched`() throws {
    let issuer = try #require(Origin("https://auth.example.test:8443"))
    let values = RefreshCookie.clearingPlanted(path: "/auth/refresh", issuer: issuer)
    #expect(values.count == 8)
    for domain in ["auth.example.test", "example.test"] {
      for path in ["/", "/auth", "/auth/", "/auth/refresh"] {
        let value =
          "__Secure-refresh=; Path=\(path); Secure; HttpOnly; SameSite=Strict; Max-Age=0; "
          + "Domain=\(domain)"
        #expect(values.contains(value))
      }
    }
    #expect(values.allSatisfy { $0.contains("; Domain=") })
  }
}
