import Accounts
import Foundation
import Testing
import Token
import Wire

/// Tokens between us and other implementations; `tools/interop/run` does their half.
///
/// `TOKEN_INTEROP` names a directory. In its folder ES256 or EdDSA lie the key directory `keys`,
/// our token `ours.jwt`, our set `jwks.json`, and then theirs: `theirs-*.jwt`, each with a file
/// `theirs-*.expected` that says `valid` or the reason for which we must refuse it.
@Suite(.enabled(if: Interop.folder != nil, "tools/interop/run sets TOKEN_INTEROP"))
struct `Interoperability` {
  @Test(arguments: [SignatureAlgorithm.es256, .edDSA])
  func `begins with our keys and our token`(algorithm: SignatureAlgorithm) throws {
    let folder = try #require(Interop.folder).appending(path: algorithm.rawValue)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let directory = KeyDirectory(path: folder.path + "/keys")
    guard !directory.exists else { return }
    let now = NumericDate(seconds: Int64(Date().timeIntervalSince1970))
    try directory.create(algorithm: algorithm, at: now)
    let store = try KeyStore(directory: directory.path, signing: true)
    let token = try store.issue(Fixture.accessClaims(groups: ["staff", "\u{e9}"], issuedAt: now))
    try Data(token.utf8).write(to: folder.appending(path: "ours.jwt"))
    try Data(store.jwks()).write(to: folder.appending(path: "jwks.json"))
  }

  @Test(arguments: [SignatureAlgorithm.es256, .edDSA])
  func `goes on with their tokens under our keys`(algorithm: SignatureAlgorithm) throws {
    let folder = try #require(Interop.folder).appending(path: algorithm.rawValue)
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
      .filter { $0.hasPrefix("theirs-") && $0.hasSuffix(".jwt") }
    guard !names.isEmpty else { return }
    let store = try KeyStore(directory: folder.path + "/keys", signing: false)
    for name in names.sorted() {
      let token = Array(try Data(contentsOf: folder.appending(path: name)))
      let expected = try String(
        contentsOf: folder.appending(path: name.replacing(".jwt", with: ".expected")),
        encoding: .utf8)
      var found = "valid"
      do throws(TokenError) {
        _ = try store.verifyAccess(
          token, issuer: Fixture.issuer, audience: Fixture.audience,
          at: NumericDate(seconds: Int64(Date().timeIntervalSince1970)), leeway: .seconds(2),
          maximumLifetime: .seconds(900))
      } catch {
        found = error.reason
      }
      #expect(found == expected, "\(name)")
      print("\(algorithm.rawValue) \(name): \(found)")
    }
  }
}

enum Interop {
  static let folder = ProcessInfo.processInfo.environment["TOKEN_INTEROP"].flatMap {
    $0.isEmpty ? nil : URL(filePath: $0)
  }
}
