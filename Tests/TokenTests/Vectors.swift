import Foundation
import Testing
import Token
import Wire

/// The published test vectors, which lie beside the repository and are no part of it.
enum Vectors {
  private static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().appending(path: "../../../shared/vectors").standardizedFileURL

  /// Whether they are there; a clone of the repository alone has none.
  static var exist: Bool { FileManager.default.fileExists(atPath: folder.path) }

  static func load<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: name)))
  }
}

/// A JSON Web Key as the vectors write it.
struct JWK: Decodable {
  let kty: String
  let crv: String?
  let alg: String?
  let x: String?
  let y: String?
  let d: String?
  let k: String?

  private func bytes(_ text: String?) throws -> [UInt8] {
    let text = try #require(text)
    return try #require(Base64URL.decode(text.utf8))
  }

  var secret: [UInt8] {
    get throws { try bytes(k) }
  }

  func verificationKey(_ algorithm: SignatureAlgorithm) throws -> VerificationKey {
    try VerificationKey(
      algorithm: algorithm, coordinates: try (y == nil ? [x] : [x, y]).map(bytes))
  }

  /// The private key, by way of PKCS #8 (RFC 5208 §5, RFC 5915 §3, RFC 8410 §7).
  func signingKey(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
    let head: [UInt8] =
      algorithm == .es256
      ? [
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30,
        0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
      ]
      : [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
      ]
    let tail: [UInt8] =
      algorithm == .es256
      ? [0xa1, 0x44, 0x03, 0x42, 0x00, 0x04] + (try bytes(x)) + (try bytes(y)) : []
    let text = Data(head + (try bytes(d)) + tail).base64EncodedString(
      options: .lineLength64Characters)
    let pem = "-----BEGIN PRIVATE KEY-----\n\(text)\n-----END PRIVATE KEY-----\n"
    return try SigningKey(pem: Array(pem.utf8), algorithm)
  }
}

func bytes(hex text: String?) throws -> [UInt8] {
  let text = try #require(text)
  let digits = text.compactMap(\.hexDigitValue)
  try #require(digits.count == text.count && digits.count.isMultiple(of: 2))
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
