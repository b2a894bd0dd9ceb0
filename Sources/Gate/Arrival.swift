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
  var asksForHTML: Bool {
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
