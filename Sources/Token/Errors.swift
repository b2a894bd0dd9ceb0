/// Why a token does not count; for the log alone, a client learns `invalid_token`.
package enum TokenError: Error, Equatable, Sendable {
  /// Longer than any token of ours.
  case tooLong
  /// Not three segments of canonical base64url, or not JSON objects.
  case malformed
  /// The header asks for what this is not: critical members, compression, encryption, another
  /// serialization.
  case header
  /// No key of this `kid`.
  case unknownKey
  /// Not the algorithm of its key.
  case algorithm
  /// Another kind of token.
  case type
  case badSignature
  case issuer
  case audience
  case expired
  case notYetValid
  /// A life longer than any we issue.
  case lifetime
  /// A claim is missing, of another type, or malformed.
  case claim(String)
  /// The system could not sign.
  case signing

  /// One line for the log; no byte of the token is in it.
  package var reason: String {
    switch self {
    case .tooLong: "token too long"
    case .malformed: "token malformed"
    case .header: "token header not ours"
    case .unknownKey: "token of an unknown key"
    case .algorithm: "token of another algorithm than its key"
    case .type: "token of another type"
    case .badSignature: "token signature wrong"
    case .issuer: "token of another issuer"
    case .audience: "token for another audience"
    case .expired: "token expired"
    case .notYetValid: "token not valid yet"
    case .lifetime: "token lives too long"
    case .claim(let name): "token claim \(name) wrong"
    case .signing: "signing failed"
    }
  }
}

/// Why keys cannot be used: one line that names the file and what is allowed.
package struct KeyError: Error, Equatable, Sendable {
  package let reason: String

  package init(_ reason: String) {
    self.reason = reason
  }
}

/// The system gave no random bytes.
package struct RandomError: Error, Equatable, Sendable {
  package let reason = "the system gives no random bytes"

  package init() {}
}
