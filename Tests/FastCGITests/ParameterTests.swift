import Testing

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

@Suite struct `Request parameters` {
  /// T107.
  @Test(arguments: kinds)
  func `that come twice are told apart from one`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind) { request in
      switch request.parameters.value("HTTP_AUTHORIZATION") {
      case .absent: Response(status: 404)
      case .single: Response(status: 200)
      case .repeated: Response(status: 401)
      }
    }
    func status(_ parameters: KeyValuePairs<String, String>) throws -> String? {
      try server.exchange(Records.request(parameters))?.statusLine
    }
    #expect(try status(["HTTP_AUTHORIZATION": "a"]) == "Status: 200 OK")
    #expect(
      try status(["HTTP_AUTHORIZATION": "a", "HTTP_AUTHORIZATION": "b"])
        == "Status: 401 Unauthorized")
    #expect(
      try status(["HTTP_AUTHORIZATION": "a", "X": "", "HTTP_AUTHORIZATION": "a"])
        == "Status: 401 Unauthorized")
    #expect(try status(["HTTP_AUTHORIZATION2": "a"]) == "Status: 404 Not Found")
    #expect(try status(["http_authorization": "a"]) == "Status: 404 Not Found")
  }

  /// T175.
  @Test(arguments: kinds)
  func `keep bytes that are no UTF-8`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind) { request in
      Response(status: 200, body: request.parameters.all("HTTP_X").flatMap { $0 })
    }
    let value: [UInt8] = [0xff, 0xfe, 0x0d, 0x0a, 0x7f, 0x80]
    let answer = try server.exchange(Records.request([("HTTP_X", value)]))
    #expect(answer?.output.suffix(6) == value[...])
  }

  /// T183.
  @Test(arguments: kinds)
  func `may be missing altogether`(_ kind: ServeOptions.Kind) throws {
    #expect(try TestServer(kind).exchange(Records.request([:]))?.body == "none")
  }

  /// `check` says 503 to whatever it cannot decide, a route 400.
  @Test(arguments: kinds, [400, 503])
  func `beyond the limit are refused and reach no handler`(
    _ kind: ServeOptions.Kind, _ status: Int
  ) throws {
    let server = try TestServer(kind, excessStatus: status) { request in
      Response(status: 200, body: Array(String(request.parameters.byteCount).utf8))
    }
    let fits = [("A", [UInt8](repeating: 0x61, count: 65_000))]
    let exceeds = fits + [("B", [UInt8](repeating: 0x62, count: 1_000))]
    #expect(try server.exchange(Records.request(fits))?.statusLine == "Status: 200 OK")
    let refusal = try server.exchange(Records.request(exceeds))?.statusLine
    #expect(refusal?.hasPrefix("Status: \(status) ") == true)
  }

  /// T177.
  @Test(
    arguments: [
      [0x01], [0x01, 0x01], [0x01, 0x01, 0x61], [0x80, 0x00], [0x80, 0x00, 0x00, 0x01],
      [0x01, 0xff, 0xff, 0xff, 0xff, 0x61], [0xff, 0xff, 0xff, 0xff, 0x01, 0x61],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x61, 0x62],
      [0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x02, 0x61],
    ] as [[UInt8]])
  func `whose lengths exceed the stream are refused before anything is allocated`(
    _ stream: [UInt8]
  ) throws {
    var parameters = Parameters()
    parameters.appendStream(stream.span)
    let isWhole = parameters.indexStream()
    #expect(!isWhole)
    #expect(parameters.byteCount == stream.count)
    let server = try TestServer(.events)
    let peer = try server.connect()
    peer.send(Records.begin() + Records.stream(4, 1, stream) + Records.stream(5, 1, []))
    #expect(try peer.isClosed())
  }

  @Test func `have lengths of one byte or four`() throws {
    var parameters = Parameters()
    let long = [UInt8](repeating: 0x78, count: 300)
    let stream: [UInt8] = [0, 0, 0x80, 0, 0, 1, 2, 0x41, 0x62, 0x63, 1, 0x80, 0, 1, 0x2c, 0x42]
    parameters.appendStream((stream + long).span)
    let isWhole = parameters.indexStream()
    try #require(isWhole)
    #expect(parameters.count == 3)
    #expect(parameters.value("") == .single([]))
    #expect(parameters.value("A") == .single([0x62, 0x63]))
    #expect(parameters.value("B") == .single(long[...]))
  }

  @Test func `are found by the beginning of their names`() {
    let parameters = Parameters([
      ("TALLYSTICK_A", "1"), ("TALLYSTIC", "2"), ("XTALLYSTICK_", "3"), ("TALLYSTICK_", "4"),
    ])
    let found = parameters.beginning(with: "TALLYSTICK_")
    #expect(found.map(\.name) == ["TALLYSTICK_A", "TALLYSTICK_"])
    #expect(found.map(\.value) == ["1", "4"])
  }
}
