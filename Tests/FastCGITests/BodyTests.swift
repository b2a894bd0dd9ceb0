import Testing

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

/// T165, T166; the limit is 16 bytes here.
@Suite struct `The body of a request` {
  private func body(
    _ kind: ServeOptions.Kind, length: String?, sent: Int, maximum: Int = 16
  ) throws -> String? {
    let server = try TestServer(kind, maximumBody: maximum)
    let length: [(String, [UInt8])] = length.map { [("CONTENT_LENGTH", Array($0.utf8))] } ?? []
    let answer = try server.exchange(
      Records.request(length, body: Array(repeating: 0x61, count: sent)))
    return answer?.body.split(separator: "\n").first.map { String($0) }
  }

  @Test(arguments: kinds)
  func `is complete up to the limit and not read beyond it`(_ kind: ServeOptions.Kind) throws {
    #expect(try body(kind, length: "1", sent: 1) == "complete 1")
    #expect(try body(kind, length: "16", sent: 16) == "complete 16")
    #expect(try body(kind, length: "17", sent: 17) == "too large")
    #expect(try body(kind, length: "1073741824", sent: 0) == "too large")
    #expect(try body(kind, length: "99999999999999999999999", sent: 0) == "too large")
  }

  @Test(arguments: kinds)
  func `that is far too large is dropped and the answer still read`(
    _ kind: ServeOptions.Kind
  ) throws {
    #expect(try body(kind, length: "4194304", sent: 4_194_304) == "too large")
  }

  @Test(arguments: kinds)
  func `that differs from its declared length is a mismatch`(_ kind: ServeOptions.Kind) throws {
    #expect(try body(kind, length: "5", sent: 4) == "mismatch")
    #expect(try body(kind, length: "5", sent: 0) == "mismatch")
    #expect(try body(kind, length: "5", sent: 6) == "mismatch")
    #expect(try body(kind, length: "0", sent: 1) == "mismatch")
    #expect(try body(kind, length: nil, sent: 1) == "mismatch")
    #expect(try body(kind, length: "", sent: 1) == "mismatch")
  }

  @Test(arguments: kinds, ["+5", " 5", "5 ", "-5", "0x5", "5,5", "٥"])
  func `with a length that is not only digits is a mismatch`(
    _ kind: ServeOptions.Kind, _ length: String
  ) throws {
    #expect(try body(kind, length: length, sent: 5) == "mismatch")
  }

  @Test(arguments: kinds)
  func `with two lengths is a mismatch`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind)
    let request = Records.request(["CONTENT_LENGTH": "1", "CONTENT_LENGTH": "1"], body: "a")
    #expect(try server.exchange(request)?.body.hasPrefix("mismatch") == true)
  }

  @Test(arguments: kinds)
  func `may be absent, and nginx sends an empty length then`(_ kind: ServeOptions.Kind) throws {
    #expect(try body(kind, length: nil, sent: 0) == "none")
    #expect(try body(kind, length: "", sent: 0) == "none")
    #expect(try body(kind, length: "0", sent: 0) == "none")
  }

  /// T086: under auth_request the length is the original request's, and no body comes.
  @Test(arguments: kinds)
  func `is not looked at by a program that reads none`(_ kind: ServeOptions.Kind) throws {
    #expect(try body(kind, length: "10", sent: 0, maximum: 0) == "none")
    #expect(try body(kind, length: "x", sent: 20, maximum: 0) == "none")
  }

  /// T086: nginx passes an upload on as it arrives (location/site-request.conf).
  @Test func `is not waited for by a program that reads none`() throws {
    let server = try TestServer(.threads, maximumBody: 0, skipsInput: true)
    let peer = try server.connect()
    let parameters = Records.pairs([("CONTENT_LENGTH", [])])
    peer.send(Records.begin() + Records.stream(4, 1, parameters))
    #expect(try peer.answer()?.body.hasPrefix("none") == true)
    // What arrives afterwards is dropped; the answer was read all the same.
    peer.send(Records.stream(5, 1, Array(repeating: 0x61, count: 100_000)))
    #expect(try server.exchange(Records.request([:]))?.body.hasPrefix("none") == true)
  }

  /// T176: a connection whose input has ended may be kept.
  @Test(arguments: [nil, "", "0"])
  func `that is none leaves the connection to the next request`(length: String?) throws {
    let server = try TestServer(.threads, maximumBody: 0)
    let peer = try server.connect()
    let request = Records.request(
      length.map { ["CONTENT_LENGTH": $0] } ?? [:], flags: Records.keep)
    for _ in 0..<3 {
      #expect(try peer.exchange(request)?.body.hasPrefix("none") == true)
    }
  }

  /// T166.
  @Test(arguments: kinds)
  func `that never ends costs its connection and reaches no handler`(
    _ kind: ServeOptions.Kind
  ) throws {
    let server = try TestServer(kind, requestTimeout: .milliseconds(100)) { request in
      request.body == .none ? Response(status: 204) : Response(status: 500)
    }
    let peer = try server.connect()
    let parameters = Records.pairs([("CONTENT_LENGTH", [0x35])])
    peer.send(Records.begin() + Records.stream(4, 1, parameters) + Records.record(5, 1, [0x61]))
    #expect(try peer.isClosed())
    #expect(try server.exchange(Records.request([:]))?.statusLine == "Status: 204 No Content")
  }

  @Test(arguments: kinds)
  func `of one request is not taken for the next of a kept connection`(
    _ kind: ServeOptions.Kind
  ) throws {
    let server = try TestServer(kind)
    let peer = try server.connect()
    for count in [3, 16, 1] {
      let request = Records.request(
        ["CONTENT_LENGTH": String(count)], body: String(repeating: "x", count: count),
        flags: Records.keep)
      #expect(try peer.exchange(request)?.body.hasPrefix("complete \(count)\n") == true)
    }
    // What was not read cannot be told from a next request, so the connection ends.
    let long = Records.request(["CONTENT_LENGTH": "1"], body: "long", flags: Records.keep)
    #expect(try peer.exchange(long)?.body.hasPrefix("mismatch") == true)
    if kind == .threads { #expect(try peer.isClosed()) }
  }
}
