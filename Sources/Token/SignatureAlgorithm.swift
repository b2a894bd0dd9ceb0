/// The algorithm of a signing key.
///
/// Each key has exactly one, and a token cannot choose another (RFC 8725 §3.1). `Ed25519` (RFC
/// 9864) and `EdDSA` (RFC 8037) are two names for the same primitive. A key keeps the name it was
/// made with.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
  case es256 = "ES256"
  case ed25519 = "Ed25519"
  case edDSA = "EdDSA"

  var isEdwards: Bool { self != .es256 }
}
