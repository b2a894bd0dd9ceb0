import Foundation
import Testing

@testable import Token

/// A prepared key verifies by precomputed multiples instead of OpenSSL's own verification.
///
/// These tests compare the two, and both with Wycheproof's vectors.
///
/// FIPS 186-5 §6.4.2.
@Suite struct `A prepared ES256 key` {
  private static let order: [UInt8] =
    [UInt8](repeating: 0xff, count: 4) + [UInt8](repeating: 0, count: 4)
    + [UInt8](repeating: 0xff, count: 8)
    + [
      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25,
      0x51,
    ]
  private let signer: SigningKey
  private let multiples: KeyMultiples

  init() throws {
    signer = try SigningKey.generate(.es256)
    multiples = try #require(KeyMultiples(of: signer.verification.coordinates))
  }

  /// What both say; nil, and a failure, where they differ.
  private func verdict(_ signature: some Collection<UInt8>, _ message: [UInt8]) -> Bool? {
    let signature = Array(signature)
    let byOpenSSL = signer.verification.verify(signature[...], over: message[...])
    let byMultiples = multiples.verify(signature[...], of: sha256(message))
    #expect(byOpenSSL == byMultiples, "\(signature)")
    return byOpenSSL == byMultiples ? byMultiples : nil
  }

  /// A 256-bit number and another one added, the highest byte first; what is carried beyond is lost.
  private func sum(_ number: ArraySlice<UInt8>, _ other: [UInt8]) -> [UInt8] {
    var carry = 0
    let digits = zip(number.reversed(), other.reversed()).map { first, second in
      let digit = Int(first) + Int(second) + carry
      carry = digit >> 8
      return UInt8(digit & 0xff)
    }
    return digits.reversed()
  }

  /// The order less a number.
  private func negated(_ number: ArraySlice<UInt8>) -> [UInt8] {
    let complement = number.map { ~$0 }
    let one = [UInt8](repeating: 0, count: 31) + [1]
    return sum(sum(Self.order[...], complement)[...], one)
  }

  @Test func `accepts what its private half signs, of any length, and no other's`() throws {
    let stranger = try SigningKey.generate(.es256)
    for count in [0, 1, 31, 32, 55, 56, 63, 64, 65, 600, 8_192] {
      let message = (0..<count).map { _ in UInt8.random(in: 0...255) }
      let signature = try signer.sign(message)
      #expect(verdict(signature, message) == true)
      #expect(verdict(signature, message + [0]) == false)
      #expect(verdict(try stranger.sign(message), message) == false)
    }
  }

  @Test func `of any value accepts what is signed`() throws {
    let message = Array("a message".utf8)
    for _ in 0..<20 {
      let other = try SigningKey.generate(.es256)
      let theirs = try #require(KeyMultiples(of: other.verification.coordinates))
      let signature = try other.sign(message)
      #expect(theirs.verify(signature[...], of: sha256(message)))
      #expect(!multiples.verify(signature[...], of: sha256(message)))
    }
  }

  @Test func `refuses a signature with any bit changed, any other order or length`() throws {
    let message = Array("a message".utf8)
    let signature = try signer.sign(message)
    #expect(verdict(signature, message) == true)
    for bit in 0..<512 {
      var changed = signature
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(verdict(changed, message) == false)
    }
    #expect(verdict(signature.suffix(32) + signature.prefix(32), message) == false)
    #expect(verdict(signature.reversed(), message) == false)
    for count in [0, 32, 63] { #expect(verdict(signature.prefix(count), message) == false) }
    #expect(verdict(signature + [0], message) == false)
    #expect(verdict([0] + signature, message) == false)
  }

  @Test func `agrees with OpenSSL on numbers at the ends of their range (T035)`() throws {
    let message = Array("a message".utf8)
    let signature = try signer.sign(message)
    let (r, s) = (signature.prefix(32), signature.suffix(32))
    let zero = [UInt8](repeating: 0, count: 32)
    let one = Array(zero.dropLast() + [1])
    let ends: [[UInt8]] = [
      zero, one, negated(one[...]), Self.order, sum(Self.order[...], one), Array(r), Array(s),
      negated(r), negated(s), [UInt8](repeating: 0xff, count: 32),
    ]
    var accepted: Set<[UInt8]> = []
    for first in ends {
      for second in ends where verdict(first + second, message) == true {
        accepted.insert(first + second)
      }
    }
    // What ECDSA itself does not tell apart: s and its negative.
    #expect(accepted == [signature, r + negated(s)])
  }

  /// What a signer cannot be made to sign, so that the digest is chosen here.
  @Test func `adds points that are equal, opposite or none as they are added on paper`() throws {
    // The x of 2 · G.
    let doubleX = try bytes(
      hex: "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978")
    // The key -G: the generator with its other y.
    let opposite = try #require(
      KeyMultiples(of: [
        bytes(hex: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        bytes(hex: "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"),
      ]))
    // 1 · G + 1 · -G is no point.
    #expect(!opposite.verify((doubleX + doubleX)[...], of: doubleX))
    // -1 · G + 1 · -G = -2 · G, a point added to itself.
    #expect(opposite.verify((doubleX + doubleX)[...], of: negated(doubleX[...])))
    // 0 · G + 1 · Q = Q, for a digest that is zero, or the order and so zero.
    let x = signer.verification.coordinates[0]
    try #require(x.lexicographicallyPrecedes(Self.order))
    for digest in [[UInt8](repeating: 0, count: 32), Self.order] {
      #expect(multiples.verify((x + x)[...], of: digest))
      #expect(multiples.verify((x + negated(x[...]))[...], of: digest))
      #expect(!multiples.verify((x + [UInt8](repeating: 1, count: 32))[...], of: digest))
    }
  }

  @Test func `is none where the point is not on the curve, which then verifies nothing`() throws {
    var coordinates = signer.verification.coordinates
    coordinates[1][31] ^= 1
    let message = Array("a message".utf8)
    let signature = try signer.sign(message)
    for wrong in [coordinates, [coordinates[0], []], [coordinates[0]], []] {
      #expect(KeyMultiples(of: wrong) == nil)
    }
    let key = try VerificationKey(unproven: .es256, coordinates: coordinates)
    key.prepare()
    #expect(!key.verify(signature[...], over: message[...]))
  }

  @Test func `verifies on many threads at once`() async throws {
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<8 {
        group.addTask {
          for count in 0..<30 {
            let message = Array("\(thread) \(count)".utf8)
            guard let signature = try? signer.sign(message) else {
              Issue.record("not signed")
              return
            }
            #expect(verdict(signature, message) == true)
            #expect(verdict(signature, message + [0]) == false)
          }
        }
      }
    }
  }

  /// T041, T205: nobody waits again for what was made ready, and a new key is made ready too.
  @Test func `stays prepared when the set is read again, with the keys that come`() throws {
    let fixture = try Fixture()
    let before = try Array(fixture.store.issue(Fixture.accessClaims()).utf8)
    fixture.store.prepare()
    let prepared = fixture.store.verifying
    #expect(prepared.filter(\.isPrepared).count == prepared.count)
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    try fixture.store.refresh()
    let after = fixture.store.verifying
    #expect(after.count > prepared.count)
    #expect(after.filter(\.isPrepared).count == after.count)
    for key in prepared { #expect(after.contains { $0 === key }) }
    #expect(fixture.refusal(before) == nil)
    #expect(try fixture.refusal(Array(fixture.store.issue(Fixture.accessClaims()).utf8)) == nil)

    // One that nobody asked to prepare makes nothing ahead.
    let other = try KeyStore(directory: fixture.directory.path, signing: false)
    _ = try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    try other.refresh()
    #expect(other.verifying.filter(\.isPrepared).isEmpty)
  }
}
