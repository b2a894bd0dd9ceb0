import Testing

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

/// T224: nothing that has begun is lost.
@Suite struct `A server that stops` {
  private let request = Records.request(["A": "b"])
  private let kept = Records.request(["A": "b"], flags: Records.keep)

  @Test(arguments: kinds)
  func `answers what is being handled, what has half arrived and what waits to be accepted`(
    _ kind: ServeOptions.Kind
  ) throws {
    let gate = Gate()
    let server = try TestServer(kind, threads: 2) { request in
      if request.parameters.value("HOLD") != .absent { gate.pass() }
      return Response(status: 200)
    }
    let half = try server.connect()
    half.send(Array(request.prefix(20)))
    let held = try server.connect()
    held.send(Records.request(["HOLD": ""], flags: Records.keep))
    gate.waitForArrival()
    let waiting = try (0..<20).map { _ in
      let peer = try server.connect()
      peer.send(kept)
      return peer
    }
    server.beginStop()
    #expect(throws: Peer.Failure.self) { try server.connect() }
    half.send(Array(request.dropFirst(20)))
    gate.open()
    for peer in [half, held] + waiting {
      #expect(try peer.answer()?.statusLine == "Status: 200 OK")
      #expect(try peer.isClosed())
    }
    server.stop()
    #expect(server.log == [])
  }

  @Test(arguments: kinds)
  func `closes silent connections, and is not held up by them`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind)
    let idle = try server.connect()
    #expect(try idle.exchange(kept) != nil)
    let silent = try server.connect()
    let clock = ContinuousClock()
    let time = clock.measure { server.stop() }
    #expect(time < .seconds(5))
    #expect(try idle.isClosed())
    #expect(try silent.isClosed())
  }

  @Test(arguments: kinds)
  func `gives a connection that has sent nothing a moment to do so`(
    _ kind: ServeOptions.Kind
  ) throws {
    let server = try TestServer(kind)
    let fresh = try server.connect()
    server.beginStop()
    #expect(try fresh.exchange(request)?.body == "none\nA=b")
    server.stop()
  }

  @Test(arguments: kinds)
  func `twice, or before it has begun, is no different`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind)
    server.beginStop()
    server.stop()
    server.stop()
    #expect(throws: Peer.Failure.self) { try server.connect() }
  }
}
