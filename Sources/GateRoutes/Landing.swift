package import Accounts
import Authentication
package import Configuration
package import FastCGI
package import Gate
import Logging
package import Routes
package import Token
import Wire

/// A request to `land`: what it brings from the issuer and from this browser.
package struct Landing: Equatable, Sendable {
  /// The digest of the code; nil for a request that spends nothing.
  package let code: String?
  package let path: ReturnPath
  package let state: BrowserState?
}

extension Call {
  /// What this request brings.
  ///
  /// A prefetcher or a mail scanner spends nothing: nobody looks at the answer.
  package var landing: Landing {
    let query = Query(request.text("QUERY_STRING") ?? "")
    let isLookedAt = request.parameters.value("HTTP_SEC_PURPOSE") == .absent
    let code = isLookedAt ? query?["code"].flatMap(codeDigest) : nil
    return Landing(
      code: code, path: ReturnPath(query?["return"] ?? "/"),
      state: BrowserState(request.parameters))
  }

  /// Spends the code of a landing.
  ///
  /// - Throws: `StoreError`.
  package func spend(
    _ landing: Landing, at site: Origin, in store: any AccountStore
  ) throws(StoreError) -> HandoverOutcome {
    guard let code = landing.code else { return .refused(.unknown) }
    return try store.spend(code, at: site.text, state: landing.state?.digest, now: time)
  }

  /// The answer that opens the site and leads to the page that the browser wanted.
  ///
  /// - Throws: `TokenError`, `RandomError`: nothing can be signed for now.
  package func landed(
    _ accountSession: AccountSession, _ landing: Landing, at site: Origin, _ keys: KeyStore
  ) throws -> Response {
    let token = try keys.gateToken(for: accountSession, to: site, at: time, under: settings)
    let session = accountSession.session
    note(.landed, account: session.account, session: session.id, reason: site.text)
    var response = Response.redirect(303, to: landing.path.headerValue)
    response.headers += [
      (
        "Set-Cookie",
        GateCookie.storing(token.text, seconds: session.isShared ? nil : token.lifetime)
      ),
      ("Set-Cookie", BrowserState.clearing),
    ]
    return response
  }

  /// The page for a code that does not count; nothing is set.
  ///
  /// Many tabs of one site may be on the way at once. They share one state cookie, and the first
  /// that lands clears it: so a browser that has a gate cookie goes on to its page, and one whose
  /// state cookie is that of another tab asks for another code.
  package func notLanded(
    _ refusal: HandoverRefusal, _ landing: Landing, at site: Origin, _ keys: KeyStore
  ) -> Response {
    noteLimited(.landingRefused, reason: refusal.rawValue)
    let path = landing.path.text
    if hasGateCookie(for: site, keys) { return Response(Page.followingAnotherTab(to: path)) }
    switch (refusal, landing.state) {
    case (.otherState, let state?):
      return Response(
        Page.followingAnotherTab(
          to: signInPage(for: site, returningTo: landing.path, state)))
    case (_, nil):
      return Response(Page.noCookie(of: site.text, returningTo: path))
    default:
      return Response(Page.landingFailed(returningTo: path))
    }
  }

  private func hasGateCookie(for site: Origin, _ keys: KeyStore) -> Bool {
    guard let gateCookie else { return false }
    return (try? keys.verify(gate: Array(gateCookie), at: site, under: settings, at: time)) != nil
  }
}

/// A one-time code: 256 random bits, of which the store knows the digest.
package struct HandoverCode: Equatable, Sendable {
  /// In base64url, without padding.
  package let text: String
  package let digest: String

  /// A new code.
  package init() throws(RandomError) {
    let bytes = try Random.bytes(32)
    text = Base64URL.encode(bytes)
    digest = Base64URL.encode(sha256(bytes))
  }
}

/// The digest under which the store has a code; nil for a text that is none.
private func codeDigest(_ text: String) -> String? {
  guard let bytes = Base64URL.decode(Array(text.utf8)[...]), bytes.count == 32 else { return nil }
  return Base64URL.encode(sha256(bytes))
}

extension Origin {
  /// Where this site takes a code, and goes on to a path.
  package func landing(_ code: HandoverCode, returningTo path: ReturnPath) -> String {
    let query = Query.encode([("code", code.text), ("return", path.text)])
    return "\(text)/tallystick/land?\(query)"
  }
}
