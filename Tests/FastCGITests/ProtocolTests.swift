import Testing

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

/// T176.
///
/// libfcgi gets only what nginx could send, because it does not survive everything: see
/// `ThreadedResponder`.
@Suite struct `The FastCGI protocol` {
  private let request = Records.request(["A": "b"])

  @Test(arguments: kinds)
  func `keeps a connection exactly if it is asked to`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind)
    let peer = try server.connect()
    for id: UInt16 in [1, 1, 7, 65_535] {
      peer.send(Records.request(["ID": String(id)], id: id, flags: Records.keep))
      #expect(try peer.answer(to: id)?.body == "none\nID=\(id)")
    }
    #expect(try peer.exchange(request)?.body == "none\nA=b")
    #expect(try peer.isClosed())
  }

  @Test(arguments: kinds)
  func `may come byte by byte, with padding, or in one piece`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind)
    let parameters = Records.pairs([("CONTENT_LENGTH", [0x33]), ("A", [0x62])])
    var padded = Records.begin(9, flags: Records.keep)
    for byte in parameters { padded += Records.record(4, 9, [byte], padding: Int(byte) % 9) }
    // libfcgi takes the padding of an empty record for the next header; nginx sends none.
    padded += Records.record(4, 9, padding: kind == .events ? 255 : 0)
    for _ in 0..<3 { padded += Records.record(5, 9, [0x78], padding: 7) }
    padded += Records.record(5, 9)
    let peer = try server.connect()
    for byte in padded { peer.send([byte]) }
    #expect(try peer.answer(to: 9)?.body == "complete 3\nCONTENT_LENGTH=3\nA=b")
    peer.send(padded)
    #expect(try peer.answer(to: 9)?.body == "complete 3\nCONTENT_LENGTH=3\nA=b")
  }

  @Test(arguments: kinds)
  func `refuses a second request on a connection and answers the first`(
    _ kind: ServeOptions.Kind
  ) throws {
    let server = try TestServer(kind)
    let peer = try server.connect()
    let parameters = Records.stream(4, 1, Records.pairs([("A", [0x62])]))
    peer.send(Records.begin(1) + Records.begin(2) + parameters + Records.stream(5, 1, []))
    let refusal = try peer.record()
    #expect(refusal?.type == 3 && refusal?.id == 2 && refusal?.content[4] == 1)
    #expect(try peer.answer()?.body == "none\nA=b")
  }

  static let broken: [[UInt8]] = [
    Records.record(1, 1, [0, 1, 0, 0, 0, 0, 0, 0], version: 2),
    Records.record(1, 1, [0, 1, 0, 0, 0, 0, 0, 0], version: 0),
    Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
  ]

  @Test(arguments: kinds, broken)
  func `closes a connection that breaks it and serves the next`(
    _ kind: ServeOptions.Kind, _ bytes: [UInt8]
  ) throws {
    let server = try TestServer(kind)
    let peer = try server.connect()
    peer.send(bytes)
    #expect(try peer.isClosed())
    #expect(try server.exchange(request)?.body == "none\nA=b")
  }

  static let brokenForEvents: [[UInt8]] = [
    Records.record(4, 1, [1, 1, 0x61, 0x62]) + Records.record(4, 1) + Records.record(5, 1),
    Records.begin(0),
    Records.record(1, 1, [0, 1, 0]),
    Records.record(1, 1, [UInt8](repeating: 0, count: 9)),
    Records.begin(1) + Records.begin(1),
    Records.begin(1) + Records.record(4, 2, [1, 1, 0x61, 0x62]),
    Records.begin(1) + Records.record(5, 1),
    Records.begin(1) + Records.record(4, 1) + Records.record(4, 1),
    Records.record(3, 1, [UInt8](repeating: 0, count: 8)),
    Records.record(6, 1), Records.record(7, 1), Records.record(10, 0), Records.record(11, 0),
    Records.record(9, 1),
    Records.record(9, 0, [0xff, 0xff, 0xff, 0xff]),
    Records.record(9, 0, [UInt8](repeating: 0, count: 513)),
  ]

  @Test(arguments: brokenForEvents)
  func `closes a connection on what no web server sends`(_ bytes: [UInt8]) throws {
    let server = try TestServer(.events)
    let peer = try server.connect()
    peer.send(bytes)
    #expect(try peer.isClosed())
    #expect(try server.exchange(request)?.body == "none\nA=b")
  }

  @Test(arguments: [0, 2, 3, 255] as [UInt8])
  func `knows no role but the responder's`(_ role: UInt8) throws {
    let server = try TestServer(.events)
    let peer = try server.connect()
    let rest = Records.stream(4, 1, []) + Records.stream(5, 1, [])
    #expect(try peer.exchange(Records.begin(role: role) + rest)?.protocolStatus == 3)
    #expect(try peer.isClosed())

    // A kept connection outlives the refusal.
    let kept = try server.connect()
    let refused = Records.begin(role: role, flags: Records.keep) + rest
    #expect(try kept.exchange(refused)?.protocolStatus == 3)
    #expect(try kept.exchange(request)?.body == "none\nA=b")
  }

  @Test(arguments: [0, 2, 3] as [UInt8])
  func `has libfcgi answer no other role either`(_ role: UInt8) throws {
    let server = try TestServer(.threads) { _ in Response(status: 200) }
    let peer = try server.connect()
    peer.send(Records.begin(role: role) + Records.stream(4, 1, []) + Records.stream(5, 1, []))
    #expect(try peer.isClosed())
    #expect(try server.exchange(request)?.statusLine == "Status: 200 OK")
  }

  @Test func `ends an aborted request and keeps its connection`() throws {
    let server = try TestServer(.events)
    let peer = try server.connect()
    let half = Records.begin(flags: Records.keep) + Records.record(4, 1, [1, 1, 0x61])
    #expect(try peer.exchange(half + Records.record(2, 1)) == Answer(protocolStatus: 0))
    // What is still under way for it is not taken for another request's.
    peer.send(Records.record(4, 1, [0x62]) + Records.record(4, 1) + Records.record(2, 1))
    #expect(try peer.exchange(request)?.body == "none\nA=b")
  }

  @Test func `has an aborted request reach no handler, complete or not`() throws {
    let server = try TestServer(.events) { _ in Response(status: 500) }
    let kept = Records.request([:], flags: Records.keep)
    let answer = try server.exchange(kept + Records.record(2, 1))
    #expect(answer == Answer(protocolStatus: 0))
  }

  @Test func `answers GET_VALUES and unknown types`() throws {
    let peer = try TestServer(.events).connect()
    let names = Records.pairs([("FCGI_MAX_CONNS", []), ("FCGI_MPXS_CONNS", []), ("X", [])])
    peer.send(Records.record(9, 0, names) + Records.record(12, 0, [1, 2, 3], padding: 5))
    let values = try peer.record()
    #expect(values?.type == 10)
    #expect(values?.content == Records.pairs([("FCGI_MPXS_CONNS", [0x30])]))
    #expect(try peer.record() == PeerRecord(type: 11, id: 0, content: [12, 0, 0, 0, 0, 0, 0, 0]))
  }

  @Test func `holds no more than a bound for a peer that asks and does not read`() throws {
    let server = try TestServer(.events)
    let peer = try server.connect()
    let unknown = Records.record(99, 0)
    while peer.send((0..<500).flatMap { _ in unknown }) {}
    #expect(try server.exchange(request)?.body == "none\nA=b")
  }
}
