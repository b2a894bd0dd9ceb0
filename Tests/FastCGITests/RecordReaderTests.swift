import Testing

@testable import FastCGI

/// A generator with a seed that a failure prints (SplitMix64).
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct `The record reader` {
  private let request = Records.request(
    ["CONTENT_LENGTH": "3", "HTTP_COOKIE": "a", "HTTP_COOKIE": "b"], body: "xyz", id: 300)

  private func reader() -> RecordReader {
    RecordReader(maximumBody: 16, maximumParameters: 1_024)
  }

  @Test func `reads the same from every split of a request in two`() throws {
    for split in 0...request.count {
      var reader = reader()
      try reader.feed(Array(request[..<split]).span)
      #expect(reader.request.isReady == (split == request.count))
      try reader.feed(Array(request[split...]).span)
      #expect(reader.request.isReady)
      #expect(reader.request.body == .complete(Array("xyz".utf8)))
      #expect(reader.request.parameters.all("HTTP_COOKIE") == [[0x61], [0x62]])
      #expect(reader.request.id == 300)
    }
  }

  @Test func `keeps its storage from request to request, and gives a large one's back`() throws {
    var reader = RecordReader(maximumBody: 0, maximumParameters: 65_536)
    let small = Records.request(["A": "b"])
    try reader.feed(small.span)
    reader.finishRequest()
    #expect(reader.isIdle && reader.request.parameters.count == 0)
    try reader.feed(small.span)
    #expect(reader.request.parameters.value("A") == .single([0x62]))
    reader.finishRequest()
    let large = Records.request([("A", [UInt8](repeating: 0, count: 60_000))])
    try reader.feed(large.span)
    #expect(reader.request.parameters.byteCapacity > 16_384)
    reader.reset()
    #expect(reader.request.parameters.byteCapacity <= 16_384)
  }

  /// T185, scaled down: 20 000 streams, each with a few bytes wrong, cut or doubled.
  @Test func `survives whatever is sent to it, within its bounds`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(state: seed)
    let seeds = [
      request, Records.request(["A": "b"], flags: Records.keep) + request,
      Records.begin(1) + Records.begin(2) + Records.record(2, 1) + request,
      Records.record(9, 0, Records.pairs([("FCGI_MPXS_CONNS", [])])) + Records.record(77, 0),
    ]
    for round in 0..<20_000 {
      let stream = mutated(seeds[round % seeds.count], &random)
      var reader = reader()
      var rest = stream[...]
      do throws(ProtocolError) {
        while !rest.isEmpty {
          let piece = rest.prefix(Int.random(in: 1...64, using: &random))
          rest = rest.dropFirst(piece.count)
          try reader.feed(Array(piece).span)
          if reader.request.isReady, Bool.random(using: &random) { reader.finishRequest() }
        }
      } catch {}
      let isBounded =
        reader.request.parameters.byteCount <= 1_024 && reader.replies.count <= 4_200
      #expect(isBounded, "seed \(seed), round \(round)")
      if reader.request.isReady, case .complete(let body) = reader.request.body {
        #expect(body.count <= 16, "seed \(seed), round \(round)")
      }
    }
  }

  /// T185, on a socket: whatever came before, the next connection is served.
  @Test func `leaves the server able to serve after broken streams`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(state: seed)
    let server = try TestServer(.events)
    for round in 0..<300 {
      let peer = try server.connect()
      peer.send(mutated(request, &random))
      peer.endSending()
      while try peer.record() != nil {}
      guard round % 20 == 0 else { continue }
      #expect(try server.exchange(Records.request(["A": "b"]))?.body == "none\nA=b", "seed \(seed)")
    }
  }

  private func mutated(_ stream: [UInt8], _ random: inout Seeded) -> [UInt8] {
    var stream = stream
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !stream.isEmpty else { break }
      let index = Int.random(in: 0..<stream.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: stream[index] = UInt8.random(in: 0...255, using: &random)
      case 1: stream[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 2: stream[index] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
      case 3: stream.remove(at: index)
      case 4: stream.removeSubrange(index...)
      default: stream.insert(contentsOf: stream[..<index], at: index)
      }
    }
    return stream
  }
}
