import Accounts
import Foundation
import Testing
import Token

/// Keys that must not be used: a program that finds them refuses to start (T205, T229).
@Suite struct `A key directory that is not right` {
  private let fixture: Fixture
  private var path: String { fixture.directory.path }
  private var privateKey: String { path + "/private/\(fixture.key.kid).pem" }

  init() throws {
    fixture = try Fixture()
  }

  /// Why a program does not start: one line.
  private func refusal(signing: Bool) -> String? {
    do throws(KeyError) {
      _ = try KeyStore(directory: path, signing: signing)
      return nil
    } catch {
      #expect(!error.reason.contains("\n"))
      #expect(error.reason.hasPrefix(path))
      return error.reason
    }
  }

  /// Puts bytes in the place of a file, with the mode that a private key has.
  private func replace(_ file: String, _ bytes: some Sequence<UInt8>) throws {
    try? FileManager.default.removeItem(atPath: file)
    try Data(bytes).write(to: URL(filePath: file))
    try #require(unsafe chmod(file, 0o400) == 0)
  }

  private func set(_ change: (String) -> String) throws {
    let file = path + "/set.json"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let changed = change(text)
    try #require(changed != text)
    try replace(file, changed.utf8)
  }

  @Test func `is not made by a program that finds none (T205)`() throws {
    try FileManager.default.removeItem(atPath: path)
    for signing in [true, false] {
      #expect(try #require(refusal(signing: signing)).contains("tallystick init"))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(throws: KeyError.self) {
      try fixture.directory.rotate(at: Fixture.now, algorithm: nil)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test(arguments: [0o440, 0o404, 0o444, 0o640, 0o660, 0o604, 0o410, 0o401, 0o777])
  func `stops a signer if others can open what is secret (T205, T229)`(mode: Int) throws {
    for file in [privateKey, path + "/refresh.secret"] {
      try #require(unsafe chmod(file, mode_t(mode)) == 0)
      #expect(try #require(refusal(signing: true)).hasPrefix(file))
      #expect(refusal(signing: false) == nil)
      try #require(unsafe chmod(file, 0o600) == 0)
      #expect(refusal(signing: true) == nil)
      try #require(unsafe chmod(file, 0o400) == 0)
    }
  }

  @Test func `stops a signer without its private key or its secret, and no verifier (T205)`() throws
  {
    for file in [privateKey, path + "/refresh.secret"] {
      let saved = try Data(contentsOf: URL(filePath: file))
      try FileManager.default.removeItem(atPath: file)
      #expect(try #require(refusal(signing: true)).hasPrefix(file))
      #expect(refusal(signing: false) == nil)
      for bytes in [[], Array("garbage\n".utf8), [0, 1, 2], Array(saved.dropLast(60))] {
        try replace(file, bytes)
        #expect(try #require(refusal(signing: true)).hasPrefix(file))
      }
      try replace(file, [UInt8](repeating: 0x41, count: 65_537))
      #expect(try #require(refusal(signing: true)).hasPrefix(file))
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
      #expect(try #require(refusal(signing: true)).contains("no regular file"))
      try FileManager.default.removeItem(atPath: file)
      try #require(unsafe mkfifo(file, 0o400) == 0)
      #expect(try #require(refusal(signing: true)).contains("no regular file"))
      try replace(file, saved)
      #expect(refusal(signing: true) == nil)
    }
  }

  @Test(arguments: [
    "", "x", String(repeating: "A", count: 42) + "\n", String(repeating: "A", count: 44) + "\n",
    String(repeating: "A", count: 43), String(repeating: "A", count: 43) + "\n\n",
    String(repeating: "A", count: 42) + "B\n", String(repeating: "A", count: 42) + "=\n",
  ])
  func `stops a signer whose secret is not 32 bytes in one line (T205)`(text: String) throws {
    try replace(path + "/refresh.secret", text.utf8)
    #expect(refusal(signing: true) != nil)
  }

  @Test func `stops a signer whose private key is another one, or of another curve (T205)`() throws
  {
    let others = [try SigningKey.generate(.es256), try .generate(.ed25519)].map { try? $0.pem() }
    for other in others + [Array(p384.utf8), Array(encrypted.utf8)] {
      try replace(privateKey, try #require(other))
      #expect(try #require(refusal(signing: true)).hasPrefix(privateKey))
      #expect(refusal(signing: false) == nil)
    }
  }

  @Test func `stops a signer whose private key only claims the right public half (T205)`() throws {
    // ECPrivateKey states its public key itself (RFC 5915 §3): ours, over another's number.
    func der(_ key: SigningKey) throws -> [UInt8] {
      let text = String(decoding: try key.pem(), as: UTF8.self)
      let body = text.split(separator: "\n").dropFirst().dropLast().joined()
      return Array(try #require(Data(base64Encoded: body)))
    }
    let ours = try der(fixture.key)
    let other = try der(SigningKey.generate(.es256))
    // 36 bytes of heads, the number of 32, then the public half.
    let mixed = Array(ours.prefix(36)) + other[36..<68] + ours.dropFirst(68)
    let pem =
      "-----BEGIN PRIVATE KEY-----\n"
      + Data(mixed).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
      + "\n-----END PRIVATE KEY-----\n"
    #expect(try SigningKey(pem: Array(pem.utf8), .es256).kid == fixture.key.kid)
    try replace(privateKey, pem.utf8)
    // A server proves its key before the first request, CGI with the first signature.
    let signer = try KeyStore(directory: path, signing: true)
    let error = #expect(throws: KeyError.self) { try signer.prove() }
    #expect(error?.reason == "\(privateKey) does not match its public half")
    let forged = try SigningKey(pem: Array(pem.utf8), .es256)
    #expect(throws: TokenError.signing) { try forged.sign([1, 2, 3]) }
  }

  @Test func `stops every program whose set is wrong (T205)`() throws {
    let file = path + "/set.json"
    let right = try String(contentsOfFile: file, encoding: .utf8)
    let kid = fixture.key.kid
    let changes: [(String) -> String] = [
      { _ in "" }, { _ in "garbage" }, { _ in "{}" }, { _ in "{\"keys\":[]}" },
      { _ in "{\"keys\":{}}" }, { _ in "[]" }, { String($0.dropLast(2)) }, { $0 + "x" },
      { "\u{feff}" + $0 }, { $0.replacing("\"current\"", with: "\"next\"") },
      { $0.replacing("\"next\"", with: "\"current\"") },
      { $0.replacing("\"next\"", with: "\"other\"") },
      { $0.replacing("\"ES256\"", with: "\"HS256\"") },
      { $0.replacing("\"ES256\"", with: "\"Ed25519\"") },
      { $0.replacing("\"P-256\"", with: "\"P-384\"") },
      { $0.replacing("\"EC\"", with: "\"RSA\"") }, { $0.replacing("\"sig\"", with: "\"enc\"") },
      { $0.replacing(kid, with: String(kid.reversed())) },
      { $0.replacing("\"x\":\"", with: "\"x\":\"A") },
      { $0.replacing("\"created_at\":", with: "\"made_at\":") },
      { $0.replacing("\"created_at\":1000000", with: "\"created_at\":1.5") },
      { text in
        // One key twice, and still one that is current.
        guard let next = text.range(of: "},{") else { return text }
        return String(text.dropLast("]}\n".count)) + ",{" + text[next.upperBound...]
      },
      { text in
        // x and y exchanged: a point, but not of the curve.
        text.replacing("\"x\":", with: "\"z\":").replacing("\"y\":", with: "\"x\":")
          .replacing("\"z\":", with: "\"y\":")
      },
      { $0 + String(repeating: " ", count: 65_536) },
    ]
    for change in changes {
      try replace(file, right.utf8)
      try set(change)
      for signing in [true, false] {
        #expect(try #require(refusal(signing: signing)).hasPrefix(file))
      }
    }
    try replace(file, right.utf8)
    #expect(refusal(signing: true) == nil)
  }

  @Test(arguments: [32, 31, 33, 0])
  func `cannot hold a point off its curve, or of another length`(count: Int) {
    let coordinate = [UInt8](repeating: 7, count: count)
    #expect(throws: KeyError.self) {
      try VerificationKey(algorithm: .es256, coordinates: [coordinate, coordinate])
    }
    #expect(throws: KeyError.self) {
      try VerificationKey(algorithm: .es256, coordinates: [coordinate])
    }
    guard count != 32 else { return }
    #expect(throws: KeyError.self) {
      try VerificationKey(algorithm: .ed25519, coordinates: [coordinate])
    }
  }
}

/// Made for this test, used nowhere: a key of another curve.
private let p384 = """
  -----BEGIN PRIVATE KEY-----
  MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCAZqQAuUVs53BbGqo9
  m22XkYBVH17O4ULt8VVwTwZvn1gbEpev0Gz+hVQXwvCooKOhZANiAAR3s8x8CzET
  99rbPkcMRXJtMyBRCu/IFFucIAPPlY9BM0gs6mGcxprOUmiOAuR0lsbykane+g1c
  m5S5AUdiTEOBCbl3oBu0mxF3LHS6ewaLin9T/naoG/PdNUzFAP0tV+o=
  -----END PRIVATE KEY-----
  """

/// Made for this test, used nowhere: a key that wants a password, which nobody is asked for.
private let encrypted = """
  -----BEGIN ENCRYPTED PRIVATE KEY-----
  MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi4ZkUM9ZCRggICCAAw
  DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPI6AtqtYSsj1KQbx3zABH0EgZAn
  b7hRdVItoBu5Glz6/GapY/UuVmk6ohRIL42Pk+F3rO7et5Cxeg5WCItd0MXsoy3Z
  r+e4ezgcl3rTSTzanugcfbtMObMY+Zv+x2/v8NTiV5DKXa/Swl8gfFApD3r7VMdl
  l2yJ549MzbL1nuPr5OQHtVJfjSpJqiH609KRIFJUwZPxPi1mAApOk2/vGVxDpFQ=
  -----END ENCRYPTED PRIVATE KEY-----
  """
