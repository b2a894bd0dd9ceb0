package import Accounts

/// When a token says that it was issued and that it expires.
///
/// Nobody has verified it: never decide anything by it but what to tell a person.
package struct UnverifiedTimes: Equatable, Sendable {
  package let issuedAt: NumericDate
  package let expires: NumericDate

  /// Reads the times of a token; nil for a text that is no token.
  package init?(of token: ArraySlice<UInt8>) {
    guard let times = try? UnverifiedJWS(Array(token)).unverifiedTimes() else { return nil }
    (issuedAt, expires) = times
  }
}
