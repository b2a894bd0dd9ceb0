import Foundation
import Testing
import Wire

@testable import Token

/// Random changes to valid tokens (T044); the seed is printed, and `TOKEN_SEED` repeats a run.
///
/// `TOKEN_MUTATIONS` sets how many a run makes.
@Suite struct `A changed token` {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }

  private static let environment = ProcessInfo.processInfo.environment
  private static let count = environment["TOKEN_MUTATIONS"].flatMap(Int.init) ?? 30_000

  /// Makes one change, often of the kinds that parsers disagree about.
  private func changed(
    _ token: [UInt8], splicing other: [UInt8], _ random: inout Generator
  ) -> [UInt8] {
    var token = token
    let place = Int.random(in: 0..<token.count, using: &random)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: token[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: token[place] = UInt8.random(in: 0...255, using: &random)
    case 2: token.remove(at: place)
    case 3:
      let odd = Array("=.+/ \n%\u{0}-_A".utf8)
      token.insert(odd.randomElement(using: &random) ?? 0, at: place)
    case 4: token.removeSubrange(place...)
    case 5:
      token =
        Array(token[..<place]) + other.dropFirst(Int.random(in: 0..<other.count, using: &random))
    case 6:
      let end = min(token.count, place + Int.random(in: 1...16, using: &random))
      token.insert(contentsOf: token[place..<end], at: place)
    default: token.swapAt(place, Int.random(in: 0..<token.count, using: &random))
    }
    return token
  }

  @Test(arguments: SignatureAlgorithm.allCases, [false, true])
  func `never verifies (T044)`(algorithm: SignatureAlgorithm, prepared: Bool) throws {
    let fixture = try Fixture(algorithm)
    if prepared { fixture.store.prepare() }
    let readyCount = fixture.store.verifying.count(where: \.isPrepared)
    #expect((readyCount > 0) == (prepared && algorithm == .es256))
    let seed = Self.environment["TOKEN_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)
    print("\(algorithm.rawValue): \(Self.count) mutations, TOKEN_SEED=\(seed)")
    var random = Generator(state: seed)
    let tokens = [
      Array(try fixture.store.issue(Fixture.accessClaims()).utf8),
      Array(try fixture.store.issue(Fixture.accessClaims(generation: 2)).utf8),
      Array(try fixture.store.issueRefresh(Fixture.refreshClaims()).utf8),
    ]
    for _ in 0..<Self.count {
      var token = tokens[0]
      for _ in 0...Int.random(in: 0..<3, using: &random) where !token.isEmpty {
        let other = tokens.randomElement(using: &random) ?? []
        token = changed(token, splicing: other, &random)
      }
      guard !tokens.contains(token) else { continue }
      if fixture.refusal(token) == nil { Issue.record("verifies: \(token)") }
      guard
        (try? fixture.store.verifyRefresh(token, issuer: Fixture.issuer, at: Fixture.now)) != nil
      else { continue }
      Issue.record("verifies as a refresh token: \(token)")
    }
  }

  @Test func `of our own signature but a changed header or payload is read without a trap (T044)`()
    throws
  {
    let fixture = try Fixture(.ed25519)
    let seed = Self.environment["TOKEN_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)
    print("grammar: \(Self.count / 5) mutations, TOKEN_SEED=\(seed)")
    var random = Generator(state: seed)
    let header = Array(fixture.header.utf8)
    let payload = Array(Fixture.payload.utf8)
    var accepted = 0
    for _ in 0..<Self.count / 5 {
      let changesHeader = Bool.random(using: &random)
      let token = try fixture.token(
        header: changesHeader ? changed(header, splicing: payload, &random) : header,
        payload: changesHeader ? payload : changed(payload, splicing: header, &random))
      if fixture.refusal(token) == nil { accepted += 1 }
    }
    // A digit of a date or a letter of a name may change and leave a valid token.
    #expect(accepted < Self.count / 5)
  }

  @Test func `leaves none of its bytes in the reason of its refusal (T043)`() throws {
    let fixture = try Fixture()
    let secret = "c0ffee-secret-value"
    var reasons: Set<String> = []
    for (name, _) in Fixture.claims {
      for json in ["\"\(secret)\"", "[\"\(secret)\",7]", "{\"\(secret)\":1}", "\"\(secret)"] {
        let token = try fixture.token(Fixture.payload(name, json))
        reasons.insert(fixture.refusal(token)?.reason ?? "")
      }
    }
    for header in ["alg", "kid", "typ", "crit"].map({ "{\"\($0)\":\"\(secret)\"}" }) {
      reasons.insert(fixture.refusal(try fixture.token(header: header))?.reason ?? "")
    }
    #expect(reasons.count > 8)
    #expect(!reasons.contains { $0.contains("c0ffee") })
  }
}
