// A response and its encoding.
//
// `Status:` always comes first, because nginx takes a response without it for a 200, and a 200 of
// auth_request lets the request pass. For the same reason no header may contain a byte that could
// end the header block early: such a response is replaced by a 500 without headers or body.

import Text

/// The response to one request.
package struct Response: Sendable {
  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  package init(
    status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// Encodes the response.
  ///
  /// This can be done once for a response that is sent often, and on another thread than the one
  /// that sends it.
  package func encoded() -> EncodedResponse {
    var bytes: [UInt8] = []
    let isFaithful = write(to: &bytes)
    // The copy has no unused capacity, because `check` caches thousands of responses.
    return EncodedResponse(
      status: isFaithful ? status : 500, bytes: Array(bytes[...]), isFaithful: isFaithful)
  }

  /// Appends the response as a CGI document: header block and body.
  ///
  /// It adds `Content-Length` if the handler set none and the status allows a body, because nginx
  /// would otherwise use chunked encoding.
  ///
  /// - Returns: False if the response is not valid, and an empty 500 was written instead.
  ///
  /// RFC 3875 §6.
  @discardableResult
  func write(to bytes: inout [UInt8]) -> Bool {
    guard isWritable else {
      bytes.append(contentsOf: "Status: 500 Internal Server Error\r\n".utf8)
      bytes.append(contentsOf: "Content-Length: 0\r\n\r\n".utf8)
      return false
    }
    bytes.append(contentsOf: "Status: ".utf8)
    bytes.append(0x30 + UInt8(status / 100))
    bytes.append(0x30 + UInt8(status / 10 % 10))
    bytes.append(0x30 + UInt8(status % 10))
    bytes.append(0x20)
    bytes.append(contentsOf: reasonPhrase(status).utf8)
    bytes.append(contentsOf: "\r\n".utf8)
    for header in headers {
      bytes.append(contentsOf: header.name.utf8)
      bytes.append(contentsOf: ": ".utf8)
      bytes.append(contentsOf: header.value.utf8)
      bytes.append(contentsOf: "\r\n".utf8)
    }
    if allowsBody, !headers.contains(where: { isName($0.name, "content-length") }) {
      bytes.append(contentsOf: "Content-Length: ".utf8)
      bytes.append(contentsOf: String(body.count).utf8)
      bytes.append(contentsOf: "\r\n".utf8)
    }
    bytes.append(contentsOf: "\r\n".utf8)
    if allowsBody { bytes.append(contentsOf: body) }
    return true
  }

  private var allowsBody: Bool { status != 204 && status != 304 }

  /// Whether status and headers may be written.
  ///
  /// A `Status` header of the handler is refused, because nginx would take the last one.
  private var isWritable: Bool {
    (200...599).contains(status)
      && headers.allSatisfy { header in
        isToken(header.name) && isFieldValue(header.value) && !isName(header.name, "status")
      }
  }
}

/// An encoded response, which cannot be changed any more.
package struct EncodedResponse: Sendable {
  package let status: Int
  /// The CGI form: header block and body.
  package let bytes: [UInt8]
  /// False if the response was not valid, so that an empty 500 replaces it.
  let isFaithful: Bool
}

/// RFC 9110 §5.1: a field name is a token.
private func isToken(_ text: String) -> Bool {
  !text.isEmpty
    && text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
      case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x5e, 0x5f, 0x60, 0x7c, 0x7e: true
      default: false
      }
    }
}

/// Whether a text consists of visible ASCII and spaces.
///
/// RFC 9110 §5.5 also allows tabs and bytes above 0x7f. No program here sends them, and
/// applications interpret them differently.
private func isFieldValue(_ text: String) -> Bool {
  let bytes = text.utf8Span.span
  for index in bytes.indices where bytes[index] < 0x20 || bytes[index] > 0x7e { return false }
  return true
}

private func isName(_ name: String, _ lowerCase: StaticString) -> Bool {
  name.utf8.count == lowerCase.utf8CodeUnitCount
    && asciiLowercased(name.utf8).elementsEqual(lowerCase.description.utf8)
}

/// The reason phrase of a status (RFC 9110 §15); for an unknown status the name of its class.
func reasonPhrase(_ status: Int) -> String {
  switch status {
  case 200: "OK"
  case 201: "Created"
  case 204: "No Content"
  case 304: "Not Modified"
  case 400: "Bad Request"
  case 401: "Unauthorized"
  case 403: "Forbidden"
  case 404: "Not Found"
  case 405: "Method Not Allowed"
  case 409: "Conflict"
  case 413: "Content Too Large"
  case 415: "Unsupported Media Type"
  case 422: "Unprocessable Content"
  case 429: "Too Many Requests"
  case 500: "Internal Server Error"
  case 503: "Service Unavailable"
  case 200..<300: "Success"
  case 300..<400: "Redirection"
  case 400..<500: "Client Error"
  default: "Server Error"
  }
}
