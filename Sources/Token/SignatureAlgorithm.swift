/// What a signing key signs with; a key has exactly one, and a token cannot choose.
///
/// RFC 8725 §3.1. `Ed25519` (RFC 9864) and `EdDSA` (RFC 8037) are one primitive under two names;
/// a key is bound to the name it was made with.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
  case es256 = "ES256"
  case ed25519 = "Ed25519"
  case edDSA = "EdDSA"

  var isEdwards: Bool { self != .es256 }
}
