import Accounts
import Foundation
import Testing
import Token
import Wire

/// A directory that is deleted after the test.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "token-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// A key directory with a signing program's store of it, and what a forger would need.
///
/// Time is 1_000_000 throughout, and a token lives 900 seconds.
struct Fixture {
  let scratch: Scratch
  let directory: KeyDirectory
  let store: KeyStore
  /// The private half of the current key, to sign what `issue` never would.
  let key: SigningKey

  static let now = NumericDate(seconds: 1_000_000)
  static let issuer = "https://auth.example"
  static let audience = "https://api.example"
  static let subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
  static let session = "bbbbbbbbbbbbbbbbbbbbbbbbbb"

  init(_ algorithm: SignatureAlgorithm = .es256) throws {
    scratch = try Scratch()
    directory = KeyDirectory(path: scratch.path + "/keys")
    try directory.create(algorithm: algorithm, at: Fixture.now)
    store = try KeyStore(directory: directory.path, signing: true)
    key = try Fixture.privateKey(of: directory, .current)
  }

  static func privateKey(of directory: KeyDirectory, _ status: KeyStatus) throws -> SigningKey {
    let listed = try #require(try directory.list().first { $0.status == status })
    let file = directory.path + "/private/\(listed.kid).pem"
    return try SigningKey(pem: Array(try Data(contentsOf: URL(filePath: file))), listed.algorithm)
  }

  /// Claims of a valid access token, as JSON text by name.
  static let claims: [(name: String, json: String)] = [
    ("iss", "\"\(issuer)\""), ("aud", "\"\(audience)\""), ("sub", "\"\(subject)\""),
    ("iat", "1000000"), ("exp", "1000900"), ("jti", "\"cccccccccccccccccccccccccc\""),
    ("sid", "\"\(session)\""), ("gen", "1"), ("ver", "1"),
    ("preferred_username", "\"alice\""), ("groups", "[\"staff\"]"),
  ]

  /// The payload of a valid token with one claim replaced, or left out where it is nil.
  static func payload(_ name: String, _ json: String?) -> String {
    var claims = claims.filter { $0.name != name }
    if let json { claims.append((name, json)) }
    return "{" + claims.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
  }

  static var payload: String { payload("", nil) }

  var header: String { header(type: "\"at+jwt\"") }

  func header(type: String) -> String {
    "{\"alg\":\"\(key.algorithm.rawValue)\",\"kid\":\"\(key.kid)\",\"typ\":\(type)}"
  }

  /// A token of this header and payload, signed by our own key unless another one is given.
  func token(
    header: String? = nil, _ payload: String = Fixture.payload, by signer: SigningKey? = nil
  )
    throws -> [UInt8]
  {
    try token(
      header: Array((header ?? self.header).utf8), payload: Array(payload.utf8), by: signer)
  }

  func token(header: [UInt8], payload: [UInt8], by signer: SigningKey? = nil) throws -> [UInt8] {
    let input =
      Base64URL.encodeBytes(header) + [UInt8(ascii: ".")] + Base64URL.encodeBytes(payload)
    return try input + [UInt8(ascii: ".")] + Base64URL.encodeBytes((signer ?? key).sign(input))
  }

  /// What verifying a token comes to: nil if it is good.
  ///
  /// Whatever the reason, it must not carry a byte of the token into the log (T043).
  func refusal(
    _ token: [UInt8], at now: NumericDate = Fixture.now, leeway: Duration = .seconds(2),
    maximumLifetime: Duration = .seconds(900), allowExpired: Bool = false
  ) -> TokenError? {
    do throws(TokenError) {
      _ = try store.verifyAccess(
        token, issuer: Fixture.issuer, audience: Fixture.audience, at: now, leeway: leeway,
        maximumLifetime: maximumLifetime, allowExpired: allowExpired)
      return nil
    } catch {
      #expect(error.reason.utf8.count < 80)
      #expect(error.reason.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
      return error
    }
  }

  static func accessClaims(
    groups: [String] = ["staff"], generation: Int64 = 1, issuedAt: NumericDate = now
  ) throws -> AccessClaims {
    AccessClaims(
      issuer: issuer, audience: audience, subject: try #require(AccountID(subject)),
      issuedAt: issuedAt, expires: issuedAt + 900, tokenID: "cccccccccccccccccccccccccc",
      session: try #require(SessionID(session)), generation: generation, version: 1,
      username: "alice", groups: groups)
  }

  static func refreshClaims(generation: Int64 = 1) throws -> RefreshClaims {
    RefreshClaims(
      issuer: issuer, subject: try #require(AccountID(subject)), issuedAt: now,
      expires: now + 604_800, session: try #require(SessionID(session)), generation: generation,
      version: 1)
  }
}
