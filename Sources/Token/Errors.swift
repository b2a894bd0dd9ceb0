/// The reason why a token is refused.
///
/// It goes to the log; the client only sees `invalid_token`.
package enum TokenError: Error, Equatable, Sendable {
  /// The token is longer than any that is issued.
  case tooLong
  /// The token is not three segments of canonical base64url, or header or payload is no JSON
  /// object.
  case malformed
  /// The header asks for an unsupported feature: critical members, an unencoded payload,
  /// compression or encryption.
  case header
  /// No key has this `kid`.
  case unknownKey
  /// `alg` is not the algorithm of the key.
  case algorithm
  /// `typ` names another type of token.
  case type
  case badSignature
  case issuer
  case audience
  case expired
  case notYetValid
  /// The lifetime is longer than the configured maximum.
  case lifetime
  /// This claim is missing, malformed or of another type.
  case claim(String)
  /// The token could not be signed.
  case signing

  /// One line for the log, without any part of the token.
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

/// The reason why keys cannot be used: one line that names the file and the defect.
package struct KeyError: Error, Equatable, Sendable {
  package let reason: String

  package init(_ reason: String) {
    self.reason = reason
  }

  /// Runs a body that needs random bytes, and converts its error.
  static func explaining<Result>(
    _ body: () throws(RandomError) -> Result
  ) throws(KeyError) -> Result {
    do throws(RandomError) {
      return try body()
    } catch {
      throw KeyError(error.reason)
    }
  }
}

/// The system provided no random bytes.
package struct RandomError: Error, Equatable, Sendable {
  package let reason = "the system gives no random bytes"

  package init() {}
}
