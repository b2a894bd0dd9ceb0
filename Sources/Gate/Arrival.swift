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
    return !script.isPresent && accept.bytes.contains("text/html".utf8)
  }
}

/// When one browser was sent to sign in at one site of late.
///
/// Three times within a minute is a circle: the browser comes back each time without a cookie that
/// counts. The times travel in a cookie of the site, because `enter` keeps nothing.
package struct Bounces: Equatable, Sendable {
  /// Seconds since the epoch, the oldest first.
  private let times: [Int64]

  /// In seconds.
  package static let window: Int64 = 60

  /// Reads the cookie's value; what is malformed, in the future or a minute old counts as absent.
  package init(_ text: String, at now: Int64) {
    times = text.split(separator: ".").prefix(2).compactMap { Int64($0) }
      .filter { (0..<Bounces.window).contains(now - $0) }
  }

  /// Whether one more would be the third within a minute.
  package var isCircle: Bool { times.count >= 2 }

  /// The cookie's value after one more.
  package func adding(_ now: Int64) -> String {
    (times.suffix(1) + [now]).map { String($0) }.joined(separator: ".")
  }
}
