package import Accounts

/// The times of issue and expiry in a token that is not verified.
///
/// They may only be used to explain something to a person, and never for a decision.
package struct UnverifiedTimes: Equatable, Sendable {
  package let issuedAt: NumericDate
  package let expires: NumericDate

  /// Reads the times of a token; returns nil if the text is not a token.
  package init?(of token: ArraySlice<UInt8>) {
    guard let times = try? UnverifiedJWS(Array(token)).unverifiedTimes() else { return nil }
    (issuedAt, expires) = times
  }
}
