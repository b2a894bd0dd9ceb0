// What a request with a device token does, and who sends it: by its method and headers.

package import FastCGI

/// What a request with a device token is, as far as the decision goes.
///
/// The contract's section 12. Headers can only take away.
package enum DeviceUse: UInt8, Equatable, Sendable {
  /// GET, HEAD, OPTIONS, PROPFIND or REPORT.
  case reading = 0
  /// Everything else, and whatever may become something else behind nginx.
  case writing = 1
  /// Caused by another site, in a browser that adds a password to every request to this one.
  case foreign = 2

  /// Judges a request by what nginx passes of it.
  ///
  /// - Parameters:
  ///   - parameters: The request.
  ///   - isAmbient: Whether a browser may have added the token by itself, as it does with the password
  ///     of `Authorization: Basic`.
  ///   - site: The origin of the site; empty where nginx names none.
  package init(_ parameters: Parameters, isAmbient: Bool, at site: ArraySlice<UInt8>) {
    if isAmbient, parameters.isForeign(at: site) {
      self = .foreign
    } else {
      self = parameters.onlyReads ? .reading : .writing
    }
  }
}

extension Parameters {
  /// Whether a request only reads.
  ///
  /// A WebSocket begins with a GET, and goes on in both directions. Some applications take another
  /// method from a header.
  fileprivate var onlyReads: Bool {
    guard let method = header("REQUEST_METHOD"), let upgrade = header("HTTP_UPGRADE"),
      !upgrade.isPresent
    else { return false }
    for name: StaticString in [
      "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE",
    ] where header(name)?.isPresent != false {
      return false
    }
    let reading: [StaticString] = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"]
    return reading.contains { method.equals($0) }
  }

  /// Whether a browser sends this because of another site.
  ///
  /// A program sends neither header and belongs to nobody's page. A navigation to a page is the
  /// visitor's own wish, as with a gate cookie.
  fileprivate func isForeign(at site: ArraySlice<UInt8>) -> Bool {
    guard let origin = header("HTTP_ORIGIN"), let fetchSite = header("HTTP_SEC_FETCH_SITE"),
      let upgrade = header("HTTP_UPGRADE")
    else { return true }
    guard origin.isPresent || fetchSite.isPresent else { return false }
    if GateUse(self, at: site) != .foreign { return false }
    // Without a site there is nothing to compare an origin with but what the browser says itself.
    return !site.isEmpty || upgrade.isPresent || !fetchSite.equals("same-origin")
  }

  /// Whether the client looks like a browser, which would ask its user for a password.
  package var isFromBrowser: Bool {
    for name: StaticString in [
      "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_DEST", "HTTP_ORIGIN",
    ] where header(name)?.isPresent != false {
      return true
    }
    return asksForHTML
  }
}
