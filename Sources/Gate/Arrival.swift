// What arrives at `enter`: requests that `check` refused with a 401.

package import FastCGI

/// A refused request, as far as the answer goes.
///
/// The contract's section 10.
package enum Arrival: Equatable, Sendable {
  /// A browser asks for a document: it can be sent to sign in.
  case document
  /// A browser asks for a document in a frame, where nobody can sign in.
  case frame
  /// A browser sends a form, which would be lost on the way to the sign-in.
  case form
  /// Everything else: a script, an image, a client that is no browser. It is never redirected.
  case other

  /// Judges a request by what nginx passes of it.
  package init(_ parameters: Parameters) {
    guard let method = parameters.header("REQUEST_METHOD"),
      let mode = parameters.header("HTTP_SEC_FETCH_MODE"),
      let destination = parameters.header("HTTP_SEC_FETCH_DEST"),
      let fetchSite = parameters.header("HTTP_SEC_FETCH_SITE"),
      let upgrade = parameters.header("HTTP_UPGRADE"), !upgrade.isPresent,
      // A prefetcher or a mail scanner: nobody looks at the answer.
      let purpose = parameters.header("HTTP_SEC_PURPOSE"), !purpose.isPresent
    else {
      self = .other
      return
    }
    let hasMetadata = mode.isPresent || destination.isPresent || fetchSite.isPresent
    let isNavigation = hasMetadata ? mode.equals("navigate") : parameters.asksForHTML
    guard isNavigation, !method.equals("HEAD") else {
      self = .other
      return
    }
    guard destination.isDocument else {
      self = .frame
      return
    }
    self = method.equals("GET") ? .document : .form
  }
}

extension Parameters {
  /// Whether a client without Fetch Metadata looks like a browser that shows the answer.
  fileprivate var asksForHTML: Bool {
    guard let accept = header("HTTP_ACCEPT"), let script = header("HTTP_X_REQUESTED_WITH") else {
      return false
    }
    return !script.isPresent && contains("text/html", in: accept.bytes)
  }
}

/// Whether a text stands in these bytes.
///
/// Not the standard library's search, which brings a regular-expression engine of 1.3 MB.
private func contains(_ text: StaticString, in bytes: ArraySlice<UInt8>) -> Bool {
  var rest = bytes
  while rest.count >= text.utf8CodeUnitCount {
    if text.withUTF8Buffer({ unsafe rest.starts(with: $0) }) { return true }
    rest = rest.dropFirst()
  }
  return false
}

/// When one browser was sent to sign in at one site of late.
///
/// Three times within a minute is a circle: the browser comes back each time without a cookie that
/// counts. The times travel in a cookie of the site, because `enter` keeps nothing.
package struct Bounces: Equatable, Sendable {
  private struct Bounce: Equatable {
    /// Seconds since the epoch.
    let time: Int64
    /// Whether the browser brought a gate cookie, which `check` had refused.
    let hadCookie: Bool
  }

  /// The oldest first.
  private let bounces: [Bounce]

  /// In seconds.
  package static let window: Int64 = 60

  /// Reads the cookie's value; what is malformed, in the future or a minute old counts as absent.
  package init(_ text: String, at now: Int64) {
    bounces = text.split(separator: ".").prefix(2).compactMap { part in
      let hadCookie = part.last == "c"
      return Int64(hadCookie ? part.dropLast() : part).map {
        Bounce(time: $0, hadCookie: hadCookie)
      }
    }.filter { (0..<Bounces.window).contains(now - $0.time) }
  }

  /// Whether one more would be the third within a minute.
  ///
  /// A browser that brings a gate cookie has landed since it was last sent, and its session may
  /// simply have ended. It goes in circles if it brought one the last time as well.
  ///
  /// - Parameter hasCookie: Whether it brings a gate cookie.
  /// - Returns: True if it must not be sent once more.
  package func isCircle(hasCookie: Bool) -> Bool {
    bounces.count >= 2 && (!hasCookie || bounces.last?.hadCookie == true)
  }

  /// The cookie's value after one more.
  package func adding(_ now: Int64, hasCookie: Bool) -> String {
    (bounces.suffix(1) + [Bounce(time: now, hadCookie: hasCookie)])
      .map { "\($0.time)\($0.hadCookie ? "c" : "")" }.joined(separator: ".")
  }
}
