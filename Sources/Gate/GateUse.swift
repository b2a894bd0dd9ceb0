// What a gate cookie may open: the table of the contract's section 10.
//
// A browser adds the cookie to every request to its site, whoever caused it. So the headers that a
// browser alone sets, and no script can, decide what the cookie is good for.

package import FastCGI

/// What a request with a gate cookie is, as far as the decision goes.
package enum GateUse: UInt8, Equatable, Sendable {
  /// A navigation to a document: allowed; in the second half of the token's life it is sent to
  /// `enter` instead, which renews the cookie unseen.
  case document = 1
  /// Allowed while the token lives.
  case own = 2
  /// Caused by another site.
  case foreign = 3

  /// Judges a request by what nginx passes of it; an empty parameter counts as absent.
  ///
  /// A header that stands twice is no browser's: such a request is foreign.
  ///
  /// - Parameters:
  ///   - parameters: The request.
  ///   - site: The origin of the site, as nginx names it.
  ///
  /// W3C Fetch Metadata §2; RFC 6455 §10.2 for WebSockets, which send no Fetch Metadata everywhere.
  package init(_ parameters: Parameters, at site: ArraySlice<UInt8>) {
    guard let method = parameters.header("REQUEST_METHOD"), method.isPresent,
      let upgrade = parameters.header("HTTP_UPGRADE"),
      let origin = parameters.header("HTTP_ORIGIN"),
      let fetchSite = parameters.header("HTTP_SEC_FETCH_SITE"),
      let mode = parameters.header("HTTP_SEC_FETCH_MODE"),
      let destination = parameters.header("HTTP_SEC_FETCH_DEST")
    else {
      self = .foreign
      return
    }
    let isGet = method.equals("GET")
    guard isGet || method.equals("HEAD"), !upgrade.isPresent else {
      let isOwn = origin.isPresent ? origin.bytes == site : fetchSite.equals("same-origin")
      self = isOwn ? .own : .foreign
      return
    }
    if mode.equals("navigate") {
      self = isGet && destination.isDocument ? .document : .own
    } else if !fetchSite.isPresent || fetchSite.equals("same-origin") || fetchSite.equals("none") {
      self = .own
    } else {
      self = parameters.isFromEmbedder(origin) ? .own : .foreign
    }
  }
}

extension Parameters {
  /// Whether the request comes from an origin that the location lets embed its resources.
  ///
  /// A request for an image has no `Origin`; its `Referer` begins with the origin unless the page
  /// hides it, and then it is refused.
  fileprivate func isFromEmbedder(_ origin: Header) -> Bool {
    guard let list = header("TALLYSTICK_EMBEDDERS"), list.isPresent,
      let referrer = header("HTTP_REFERER")
    else { return false }
    return list.bytes.split(separator: UInt8(ascii: ",")).contains { embedder in
      origin.isPresent
        ? origin.bytes == embedder
        : referrer.bytes == embedder
          || referrer.bytes.starts(with: embedder)
            && referrer.bytes.dropFirst(embedder.count)
              .first == UInt8(ascii: "/")
    }
  }

  /// A header that stands at most once; nil if it stands twice.
  package func header(_ name: StaticString) -> Header? {
    switch value(name) {
    case .absent: Header(bytes: [])
    case .single(let bytes): Header(bytes: bytes)
    case .repeated: nil
    }
  }
}

/// The value of a header; empty where it is absent.
package struct Header: Equatable, Sendable {
  package let bytes: ArraySlice<UInt8>

  package var isPresent: Bool { !bytes.isEmpty }

  package func equals(_ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { unsafe bytes.elementsEqual($0) }
  }

  /// Whether `Sec-Fetch-Dest` says that a document is to be shown; behind a service worker it says
  /// `empty`.
  package var isDocument: Bool { !isPresent || equals("document") || equals("empty") }
}
