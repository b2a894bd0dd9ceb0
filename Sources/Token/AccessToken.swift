package import Accounts
import Wire

/// What an access token is held against.
package struct AccessExpectation: Sendable {
  package let issuer: String
  package let audience: String
  package let now: NumericDate
  package let leeway: Duration
  package let maximumLifetime: Duration
  package let allowsExpired: Bool
}

extension UnverifiedJWS {
  /// The access token, once a key of ours has signed it and every claim holds.
  ///
  /// The signature comes first: no claim of an unsigned token is looked at.
  ///
  /// - Throws: What does not hold.
  ///
  /// RFC 9068 §4, RFC 7519 §4.1, RFC 8725 §3.
  func accessToken(
    signedBy key: VerificationKey, _ expected: AccessExpectation
  ) throws(TokenError) -> VerifiedAccessToken {
    let payload = try payload(verifiedBy: key)
    guard isType("at+jwt") else { throw .type }
    let claims = try ClaimReader(payload)
    try claims.requireIssuer(expected.issuer)
    guard try claims.isFor(expected.audience) else { throw .audience }
    let (issuedAt, expires) = try claims.times(expected)
    return VerifiedAccessToken(
      claims: AccessClaims(
        issuer: expected.issuer, audience: expected.audience, subject: try claims.subject(),
        issuedAt: issuedAt, expires: expires, tokenID: try claims.string("jti"),
        session: try claims.session(), generation: try claims.integer("gen", atLeast: 1),
        version: try claims.integer("ver", atLeast: 1),
        username: try claims.string("preferred_username"), groups: try claims.strings("groups")),
      kid: key.kid)
  }

  /// The refresh token, once our secret has authenticated it and every claim holds.
  ///
  /// No leeway: the clock that issued it is the clock that judges it.
  ///
  /// - Throws: What does not hold.
  func refreshToken(
    authenticatedBy secret: [UInt8], issuer: String, at now: NumericDate
  ) throws(TokenError) -> VerifiedRefreshToken {
    let payload = try payload(authenticatedBy: secret)
    guard isType("rt+jwt") else { throw .type }
    let claims = try ClaimReader(payload)
    try claims.requireIssuer(issuer)
    let expires = try claims.date("exp")
    guard now < expires else { throw .expired }
    return VerifiedRefreshToken(
      claims: RefreshClaims(
        issuer: issuer, subject: try claims.subject(), issuedAt: try claims.date("iat"),
        expires: expires, session: try claims.session(),
        generation: try claims.integer("gen", atLeast: 1),
        version: try claims.integer("ver", atLeast: 1)))
  }
}

extension ClaimReader {
  /// `iat` and `exp`, which hold now.
  ///
  /// `exp` is exclusive (RFC 7519 §4.1.4), shifted by exactly the leeway.
  fileprivate func times(
    _ expected: AccessExpectation
  ) throws(TokenError) -> (issuedAt: NumericDate, expires: NumericDate) {
    let issuedAt = try date("iat")
    let expires = try date("exp")
    let latest = expected.now + expected.leeway
    guard issuedAt <= latest else { throw .notYetValid }
    if has("nbf"), try date("nbf") > latest { throw .notYetValid }
    let life = expires - issuedAt
    guard life > 0, life <= expected.maximumLifetime.components.seconds else { throw .lifetime }
    guard expected.allowsExpired || expected.now < expires + expected.leeway else {
      throw .expired
    }
    return (issuedAt, expires)
  }
}
