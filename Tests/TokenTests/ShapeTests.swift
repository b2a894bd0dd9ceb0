import Testing
import Token
import Wire

/// RFC 7515 §3.1, RFC 7519 §4, RFC 8725 §3.7.
@Suite struct `The bytes of an access token` {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
  }

  @Test(arguments: [
    "{\"sub\":\"alice\",\"sub\":\"admin\"}", "{\"exp\":1,\"exp\":4102444800}",
    "{\"exp\":1,\"\\u0065xp\":4102444800}",
  ])
  func `with a member twice are refused, signed or not (T025)`(members: String) throws {
    let payload = Fixture.payload.dropLast() + "," + members.dropFirst()
    #expect(try fixture.refusal(fixture.token(String(payload))) == .malformed)
    #expect(try fixture.refusal(fixture.token(members)) == .malformed)
    let head = fixture.header.dropLast() + ",\"alg\":\"ES256\"}"
    #expect(try fixture.refusal(fixture.token(header: String(head))) == .malformed)
  }

  @Test func `in another encoding or with anything around the JSON are refused (T027)`() throws {
    func spoiled(_ text: String) -> [[UInt8]] {
      let plain = Array(text.utf8)
      let open = String(text.dropLast())
      return [
        [0xef, 0xbb, 0xbf] + plain, text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] },
        text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] },
        [0xff, 0xfe] + text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] },
        Array((open + ",}").utf8), Array((open + "/* */}").utf8), plain + [0], plain + plain,
        plain + Array("x".utf8), Array((open + ",\"x\":\"").utf8) + [0xff] + Array("\"}".utf8),
        Array((open + ",\"x\":\"\\ud800\"}").utf8), Array("[\(text)]".utf8), Array("null".utf8),
        Array("\"\"".utf8), [],
      ]
    }
    for payload in spoiled(Fixture.payload) {
      let token = try fixture.token(header: Array(fixture.header.utf8), payload: payload)
      #expect(fixture.refusal(token) == .malformed)
    }
    for header in spoiled(fixture.header) {
      let token = try fixture.token(header: header, payload: Array(Fixture.payload.utf8))
      #expect(fixture.refusal(token) == .malformed)
    }
    // White space is JSON's, and signed.
    #expect(try fixture.refusal(fixture.token(" \(Fixture.payload)\r\n")) == nil)
  }

  @Test(arguments: [5, 17, 513, 2_000])
  func `nested deep are refused (T028)`(depth: Int) throws {
    let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(try fixture.refusal(fixture.token(Fixture.payload("x", deep))) == .malformed)
    let head = fixture.header.dropLast() + ",\"x\":\(deep)}"
    #expect(try fixture.refusal(fixture.token(header: String(head))) == .malformed)
  }

  @Test(arguments: [10_000, 100_000])
  func `nested deeper than a token is long are not even decoded (T028)`(depth: Int) throws {
    let deep = String(repeating: "[", count: depth)
    #expect(try fixture.refusal(fixture.token(Fixture.payload("x", deep))) == .tooLong)
  }

  @Test func `have exactly three segments, none of them empty (T030)`() throws {
    let token = try fixture.token()
    let segments = token.split(separator: UInt8(ascii: "."))
    let dot: [UInt8] = [UInt8(ascii: ".")]
    #expect(fixture.refusal(Array(segments.joined(separator: dot))) == nil)
    var others: [[UInt8]] = [[], dot, dot + dot, dot + dot + dot, dot + token, token + dot]
    others += [1, 2].map { Array(segments.prefix($0).joined(separator: dot)) }
    others.append(token + dot + segments[2])
    others.append(token + dot + segments[2] + dot + segments[2])
    for empty in segments.indices {
      let parts = segments.enumerated().map { $0.offset == empty ? [] : Array($0.element) }
      others.append(Array(parts.joined(separator: dot)))
    }
    for other in others { #expect(fixture.refusal(other) != nil) }
  }

  @Test func `that are dots alone are refused (T030)`() {
    #expect(
      fixture.refusal([UInt8](repeating: UInt8(ascii: "."), count: 8_192)) == .malformed)
    #expect(
      fixture.refusal([UInt8](repeating: UInt8(ascii: "."), count: 100_000)) == .tooLong)
  }

  @Test func `in a JSON serialization are refused (T031)`() throws {
    let parts = try String(decoding: fixture.token(), as: UTF8.self).split(separator: ".")
    let signed = "\"protected\":\"\(parts[0])\",\"signature\":\"\(parts[2])\""
    for text in [
      "{\"payload\":\"\(parts[1])\",\(signed)}",
      "{\"payload\":\"\(parts[1])\",\"signatures\":[{\(signed)}]}",
    ] {
      #expect(fixture.refusal(Array(text.utf8)) == .malformed)
    }
  }

  @Test func `may reach the longest accepted, and one more is refused undecoded (T032)`() throws {
    func token(_ filler: Int) throws -> [UInt8] {
      try fixture.token(Fixture.payload("x", "\"" + String(repeating: "x", count: filler) + "\""))
    }
    // Three bytes of payload are four of token; of four lengths in a row base64 skips one.
    let limit = UnverifiedJWS.maximumByteCount
    let estimate = (limit - (try token(0).count)) * 3 / 4
    let tokens = try (estimate - 4...estimate + 4).map(token)
    for token in tokens {
      #expect(fixture.refusal(token) == (token.count <= limit ? nil : .tooLong))
    }
    #expect(tokens.contains { (limit - 1...limit).contains($0.count) })
    #expect(tokens.contains { (limit + 1...limit + 2).contains($0.count) })
    for size in [8_193, 65_536, 1_048_576] {
      // Not base64 at all: had it been decoded first, it would be malformed.
      #expect(fixture.refusal([UInt8](repeating: 0xff, count: size)) == .tooLong)
    }
  }

  @Test(arguments: [0, 1, 32, 63, 65, 66, 70, 71, 72, 96, 128])
  func `with a signature of another length than 64 bytes are refused (T033)`(count: Int) throws {
    for algorithm in SignatureAlgorithm.allCases {
      let fixture = try Fixture(algorithm)
      let token = try fixture.token()
      let dot = try #require(token.lastIndex(of: UInt8(ascii: ".")))
      let signature = try #require(Base64URL.decode(token[(dot + 1)...]))
      let padding = [UInt8](repeating: 0, count: max(0, count - 64))
      for other in [Array(signature.prefix(count)) + padding, padding + signature.suffix(count)] {
        #expect(
          fixture.refusal(token[...dot] + Base64URL.encodeBytes(other)) == .badSignature)
      }
    }
  }

  @Test func `with a signature of extreme numbers are refused (T035)`() throws {
    let token = try fixture.token()
    let dot = try #require(token.lastIndex(of: UInt8(ascii: ".")))
    let signature = try #require(Base64URL.decode(token[(dot + 1)...]))
    let order = try bytes(hex: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
    let zero = [UInt8](repeating: 0, count: 32)
    let one = [UInt8](repeating: 0, count: 31) + [1]
    let top = [UInt8](repeating: 0xff, count: 32)
    let (r, s) = (Array(signature.prefix(32)), Array(signature.suffix(32)))
    for other in [zero, one, order, top] {
      for pair in [other + other, other + s, r + other] {
        #expect(
          fixture.refusal(token[...dot] + Base64URL.encodeBytes(pair)) == .badSignature)
      }
    }
    #expect(fixture.refusal(token[...dot] + Base64URL.encodeBytes(r + s)) == nil)
    #expect(fixture.refusal(token[...dot] + Base64URL.encodeBytes(s + r)) == .badSignature)
  }
}
