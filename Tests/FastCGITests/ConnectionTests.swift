import CSystem
import Glibc
import Testing

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

@Suite struct `Connections` {
  private let request = Records.request(["A": "b"])
  private let kept = Records.request(["A": "b"], flags: Records.keep)

  /// T180: nginx's kept connections must never shut anybody out.
  @Test(arguments: kinds)
  func `that are silent make room for one that asks`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(kind, threads: 4, maximumConnections: 8)
    var silent: [Peer] = []
    for _ in 0..<50 {
      let peer = try server.connect()
      try #require(try peer.exchange(kept)?.body == "none\nA=b")
      silent.append(peer)
    }
    #expect(try server.exchange(request)?.body == "none\nA=b")
  }

  /// T202: who waits to be let in costs nobody the request that is on its way.
  @Test(arguments: kinds)
  func `that are new are not closed for want of room`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(
      kind, threads: 4, maximumConnections: 4, requestTimeout: .seconds(300))
    let peers = try (0..<16).map { _ in try server.connect() }
    for peer in peers { #expect(try peer.exchange(request)?.body == "none\nA=b") }
  }

  /// T180, with the descriptors themselves at an end; in a process of its own.
  @Test func `beyond the descriptors of the process are served, one silent one ending for each`()
    async
  {
    await #expect(processExitsWith: .success) {
      let server = try TestServer(.events, requestTimeout: .seconds(1))
      // The peers take their descriptors first: what is left of twenty is the server's.
      let peers = (0..<65).map { _ in Peer(of: server) }
      let highest = try #require(peers.map(\.descriptor).max())
      let most = rlim_t(highest) + 20
      var limit = rlimit(rlim_cur: most, rlim_max: most)
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      for peer in peers { try peer.connect(server.path) }
      for peer in peers.suffix(5) {
        let answer = try peer.exchange(Records.request(["A": "b"]))
        try #require(answer?.body == "none\nA=b")
      }
    }
  }

  @Test(arguments: kinds)
  func `are closed after their time, silent or amid a request`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(
      kind, requestTimeout: .milliseconds(100), idleTimeout: .milliseconds(100))
    let silent = try server.connect()
    #expect(try silent.isClosed())
    let idle = try server.connect()
    #expect(try idle.exchange(kept)?.body == "none\nA=b")
    #expect(try idle.isClosed())
    for count in [1, 8, 20, request.count - 1] {
      let partial = try server.connect()
      partial.send(Array(request.prefix(count)))
      #expect(try partial.isClosed())
    }
  }

  /// T226.
  @Test(arguments: kinds)
  func `that the peer closes before the answer cost nothing else`(
    _ kind: ServeOptions.Kind
  ) throws {
    let server = try TestServer(kind) { _ in
      Response(status: 200, body: [UInt8](repeating: 0x61, count: 500_000))
    }
    for count in [1, 8, 20, request.count - 1, request.count] {
      for _ in 0..<5 { try server.connect().send(Array(request.prefix(count))) }
    }
    #expect(try server.exchange(request)?.body.utf8.count == 500_000)
  }

  @Test(arguments: kinds)
  func `whose sending side is closed still get their answer`(_ kind: ServeOptions.Kind) throws {
    let peer = try TestServer(kind).connect()
    peer.send(kept)
    peer.endSending()
    #expect(try peer.answer()?.body == "none\nA=b")
  }

  @Test func `that are ready together are handled together`() throws {
    let gate = Gate()
    let server = try TestServer(
      .events,
      together: { requests in
        gate.note(requests.map(name).joined(separator: " "))
        if requests.map(name) == ["hold"] { gate.pass() }
        return requests.map { Response(status: 200, body: Array(name($0).utf8)).encoded() }
      })
    // The first holds the loop while the others arrive.
    let first = try server.connect()
    first.send(Records.request(["NAME": "hold"]))
    gate.waitForArrival()
    let others = try (0..<3).map { number in
      let peer = try server.connect()
      peer.send(Records.request(["NAME": "\(number)"]))
      return peer
    }
    gate.open()
    #expect(try first.answer()?.body == "hold")
    for (number, peer) in others.enumerated() { #expect(try peer.answer()?.body == "\(number)") }
    #expect(gate.notes == ["hold", "0 1 2"])
  }

  @Test(arguments: kinds)
  func `get nobody's answer from a handler that mixes them up`(_ kind: ServeOptions.Kind) throws {
    let server = try TestServer(
      kind,
      together: { requests in
        (requests + requests).map { _ in Response(status: 204).encoded() }
      })
    let answer = try server.exchange(Records.request(["NAME": "x"]))
    #expect(answer?.statusLine == "Status: 500 Internal Server Error")
  }
}

private func name(_ request: Request) -> String {
  guard case .single(let name) = request.parameters.value("NAME") else { return "" }
  return String(decoding: name, as: UTF8.self)
}
