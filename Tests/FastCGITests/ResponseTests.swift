import Testing

@testable import FastCGI

@Suite struct `A response` {
  private func text(_ response: Response) -> String {
    String(decoding: response.encoded().bytes, as: UTF8.self)
  }

  private static let bare = "Status: 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"

  @Test func `begins with its status, which nginx takes for a 200 where it is missing`() {
    #expect(
      text(Response(status: 401, headers: [("A", "b")], body: Array("no".utf8)))
        == "Status: 401 Unauthorized\r\nA: b\r\nContent-Length: 2\r\n\r\nno")
    #expect(text(Response(status: 204)) == "Status: 204 No Content\r\n\r\n")
    #expect(text(Response(status: 299)).hasPrefix("Status: 299 Success\r\n"))
  }

  /// T104.
  @Test(arguments: [
    "a\r\nX-Auth-User: root", "a\nb", "a\rb", "a\0b", "\u{1b}[2J", "\t", "a\u{7f}", "é", "\r\n\r\n",
  ])
  func `with a control or a foreign character in a value becomes a bare 500`(_ value: String) {
    #expect(text(Response(status: 200, headers: [("A", value)])) == Self.bare)
    #expect(text(Response(status: 200, headers: [("B", "b"), ("A", value)])) == Self.bare)
    #expect(Response(status: 200, headers: [("A", value)]).encoded().status == 500)
  }

  @Test(arguments: ["", "A B", "A:", "A\r\nB", "É", "Status", "STATUS", "status"])
  func `with a wrong header name becomes a bare 500`(_ name: String) {
    #expect(text(Response(status: 200, headers: [(name, "a")])) == Self.bare)
  }

  @Test(arguments: [Int.min, -1, 0, 99, 100, 199, 600, 1_000, Int.max])
  func `with a status that is no answer becomes a bare 500`(_ status: Int) {
    #expect(text(Response(status: status)) == Self.bare)
  }

  @Test func `has one Content-Length, its own or ours, and none without a body`() {
    let given = Response(status: 200, headers: [("content-LENGTH", "2")], body: [0x61, 0x62])
    #expect(text(given) == "Status: 200 OK\r\ncontent-LENGTH: 2\r\n\r\nab")
    #expect(text(Response(status: 304, body: [0x61])) == "Status: 304 Not Modified\r\n\r\n")
  }

  @Test(
    arguments: [ServeOptions.Kind.threads, .events], [0, 1, 65_000, 65_535, 70_000, 600_000])
  func `of any size arrives whole`(_ kind: ServeOptions.Kind, _ count: Int) throws {
    let body = (0..<count).map { UInt8($0 % 127) }
    let server = try TestServer(kind) { _ in Response(status: 200, body: body) }
    let peer = try server.connect()
    for _ in 0..<2 {
      let answer = try peer.exchange(Records.request([:], flags: Records.keep))
      #expect(answer?.statusLine == "Status: 200 OK")
      // Apart from `expect`, which would print them all.
      let isWhole = answer?.output.suffix(count) == body[...]
      #expect(isWhole, "\(answer?.output.count ?? 0) bytes")
    }
  }

  @Test(arguments: [ServeOptions.Kind.threads, .events])
  func `that is not fit to be sent is logged`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind) { _ in Response(status: 200, headers: [("A", "\n")]) }
    let answer = try server.exchange(Records.request([:]))
    #expect(answer?.text == Self.bare)
    server.stop()
    #expect(server.log == [.refused("an answer that cannot be written")])
  }
}
