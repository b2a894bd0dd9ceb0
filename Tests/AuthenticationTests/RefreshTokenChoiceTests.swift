import Accounts
import Authentication
import Configuration
import Foundation
import Testing
import Token

/// A key directory that signs, and tokens of sessions.
private final class Signer {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "tallystick-choice-\(UUID().uuidString)")
  let keys: KeyStore
  let now = NumericDate(seconds: 1_800_000_000)

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.path + "/keys"
    try KeyDirectory(path: path).create(algorithm: .es256, at: now)
    keys = try KeyStore(directory: path, signing: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func session(_ letter: Character) throws -> SessionID {
    try #require(SessionID(String(repeating: letter, count: 26)))
  }

  func token(_ session: SessionID, generation: Int64) throws -> VerifiedRefreshToken {
    let text = try keys.issueRefresh(
      RefreshClaims(
        issuer: "https://a.test", subject: try #require(AccountID(session.text)), issuedAt: now,
        expires: now + 60, session: session, generation: generation, version: 1))
    return try keys.verifyRefresh(Array(text.utf8), issuer: "https://a.test", at: now)
  }

  func binding(_ session: SessionID) throws -> [UInt8] {
    Array(try keys.binding(of: session).text.utf8)
  }

  func choose(
    _ tokens: [VerifiedRefreshToken], _ bindings: [[UInt8]]
  ) throws -> PresentedRefreshToken {
    try PresentedRefreshToken(among: tokens, bindings: bindings) {
      session throws(TokenError) in try keys.binding(of: session)
    }
  }
}

/// The contract's section 3.
@Suite struct `Of the refresh tokens of one request` {
  @Test func `those of another session than the companion's count as absent (T144)`() throws {
    let signer = try Signer()
    let own = try signer.token(signer.session("a"), generation: 3)
    let planted = try signer.token(signer.session("b"), generation: 9)
    let binding = try signer.binding(signer.session("a"))
    for tokens in [[own, planted], [planted, own], [own]] {
      #expect(try signer.choose(tokens, [binding]) == .one(own, isBound: true))
    }
    #expect(try signer.choose([planted], [binding]) == PresentedRefreshToken.none)
    #expect(try signer.choose([], [binding]) == PresentedRefreshToken.none)
  }

  @Test func `the newest generation of the session is presented, whatever the order`() throws {
    let signer = try Signer()
    let session = try signer.session("a")
    let tokens = try [2, 4, 3].map { try signer.token(session, generation: $0) }
    for bindings in [[try signer.binding(session)], []] {
      #expect(
        try signer.choose(tokens, bindings) == .one(tokens[1], isBound: !bindings.isEmpty))
    }
  }

  @Test func `none is bound where there is no companion, or where there are two`() throws {
    let signer = try Signer()
    let session = try signer.session("a")
    let token = try signer.token(session, generation: 1)
    let binding = try signer.binding(session)
    let other = try signer.binding(signer.session("b"))
    for bindings in [[], [binding, binding], [binding, other], [other, binding]] {
      #expect(try signer.choose([token], bindings) == .one(token, isBound: false))
    }
  }

  @Test func `those of several sessions say nothing without a companion`() throws {
    let signer = try Signer()
    let tokens = try ["a", "b"].map { try signer.token(signer.session($0), generation: 1) }
    #expect(try signer.choose(tokens, []) == .several(tokens))
  }

  @Test func `a companion counts in its one spelling alone`() throws {
    let signer = try Signer()
    let session = try signer.session("a")
    let token = try signer.token(session, generation: 1)
    let binding = try signer.binding(session)
    #expect(binding.count == 43)
    var changed = binding
    changed[42] ^= 1
    for wrong in [[], Array(binding.dropLast()), binding + [0x41], binding + [0x3d], changed] {
      #expect(try signer.choose([token], [wrong]) == PresentedRefreshToken.none)
    }
  }
}

@Suite struct `The binding of a session` {
  @Test func `is the same for ever and another for every session and every secret`() throws {
    let (one, two) = (try Signer(), try Signer())
    let (a, b) = (try one.session("a"), try one.session("b"))
    #expect(try one.binding(a) == one.binding(a))
    #expect(try one.binding(a) != one.binding(b))
    #expect(try one.binding(a) != two.binding(a))
  }

  @Test func `cannot be made by a program that only verifies`() throws {
    let signer = try Signer()
    let verifier = try KeyStore(directory: signer.folder.path + "/keys", signing: false)
    #expect(throws: TokenError.signing) { try verifier.binding(of: signer.session("a")) }
  }
}
