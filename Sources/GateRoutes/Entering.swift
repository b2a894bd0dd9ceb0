import Accounts
package import Configuration
package import FastCGI
package import Gate
import Logging
package import Routes
import Token
import Wire

extension Call {
  /// The site of this request.
  ///
  /// - Throws: `SettingError` where nginx names none.
  package func requiredSite() throws(SettingError) -> Origin {
    guard let site else {
      throw SettingError(
        variable: "TALLYSTICK_SITE", value: nil, allowed: "the origin of the site, set by nginx")
    }
    return site
  }

  /// The path and query that the browser asked for.
  package var returnPath: ReturnPath { ReturnPath(request.text("REQUEST_URI") ?? "/") }

  /// Answers a request that `check` refused with a 401.
  ///
  /// - Returns: A redirection, a page or a 401 that a program can act on.
  /// - Throws: `SettingError` where a browser is to be sent away and nginx names no site;
  ///   `RandomError`.
  package func enter() throws -> Response {
    switch Arrival(request.parameters) {
    case .document: return try sendToSignIn(from: requiredSite())
    case .frame: return challenged(Page.signInNeeded)
    case .form: return challenged(Page.formCameTooLate(page: formPage(at: try requiredSite())))
    case .other:
      return Response(.invalidToken, realm: realm, tokenSent: sentToken || gateCookie != nil)
    }
  }

  /// Leads to the page of the issuer that ends the session, and back.
  package func signOut(_ site: Origin) -> Response {
    let query = Query.encode([("return", site.text + "/")])
    return .redirect(302, to: "\(settings.issuer.text)/signout.html?\(query)")
  }

  /// The page of the issuer that signs in, and comes back to this site and path.
  package func signInPage(
    for site: Origin, returningTo path: ReturnPath, _ state: BrowserState
  ) -> String {
    let query = Query.encode([
      ("site", site.text), ("return", path.text), ("state", state.digest),
    ])
    return "\(settings.issuer.text)/gate.html?\(query)"
  }

  private func sendToSignIn(from site: Origin) throws -> Response {
    let bounces = Bounces(BounceCookie.value(in: request.parameters), at: time.seconds)
    let state = try BrowserState(request.parameters) ?? BrowserState()
    let signIn = signInPage(for: site, returningTo: returnPath, state)
    var response: Response
    if let cause = circleCause(site, bounces) {
      noteLimited(.signInStopped, reason: "\(cause)")
      response = Response(
        Page.circle(
          cause, site: site.text, path: returnPath.text, signIn: signIn, time: minute(time)))
    } else {
      response = .redirect(302, to: signIn)
      let value = bounces.adding(time.seconds, cookie: gateCookieFingerprint)
      response.headers.append(
        ("Set-Cookie", BounceCookie.storing(value, seconds: Bounces.window)))
    }
    response.headers.append(("Set-Cookie", state.cookie))
    return response
  }

  /// Why this browser must not be sent to sign in once more, or nil.
  private func circleCause(_ site: Origin, _ bounces: Bounces) -> CircleCause? {
    if request.text("REQUEST_SCHEME") == "http" { return .plainHTTP }
    let verdict = bounces.verdict(cookie: gateCookieFingerprint)
    guard verdict != .go else { return nil }
    if !settings.sites.isEmpty, settings.knownSite(site.text) == nil { return .unknownSite }
    // Nothing is decided by these times but which page explains; so no key is needed.
    if let times = gateCookie.flatMap(UnverifiedTimes.init(of:)),
      time + settings.leeway < times.issuedAt || times.expires <= time
    {
      return .clock
    }
    return verdict == .circle ? .refused : .cookieNotKept
  }

  /// The value of the gate cookie; nil if there is none, or more than one.
  var gateCookie: ArraySlice<UInt8>? {
    SiteCookie.value(of: SiteCookie.gate, in: request.parameters)
  }

  /// What tells one gate cookie from another.
  private var gateCookieFingerprint: String? {
    gateCookie.map { String(Base64URL.encode(sha256(Array($0))).prefix(8)) }
  }

  /// The path of the page that sent the form: its `Referer`, if that is of this site.
  private func formPage(at site: Origin) -> String {
    let referrer = request.text("HTTP_REFERER") ?? ""
    guard referrer.utf8.starts(with: (site.text + "/").utf8) else { return "" }
    return ReturnPath(String(referrer.dropFirst(site.text.count))).text
  }

  /// A page with the challenge that every 401 has (RFC 9110 §15.5.2).
  private func challenged(_ page: Page) -> Response {
    var response = Response(page)
    response.headers.append(("WWW-Authenticate", challenge(realm: realm, error: nil)))
    return response
  }
}

extension Response {
  /// A redirection to another page, without a word about where it came from.
  static func redirect(_ status: Int, to location: String) -> Response {
    Response(
      status: status,
      headers: [
        ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"), ("Location", location),
      ])
  }
}

/// Year to minute in UTC: `2026-11-27 11:49`.
private func minute(_ date: NumericDate) -> String {
  String(timestamp(date).prefix(16).map { $0 == "T" ? " " : $0 })
}
