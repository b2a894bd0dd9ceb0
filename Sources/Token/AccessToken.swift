package import Accounts
import Wire

/// The expectations that an access token or a gate token must meet.
package struct TokenExpectation: Sendable {
  package let issuer: String
  package let audience: String
  package let now: NumericDate
  package let leeway: Duration
  package let maximumLifetime: Duration
  package let allowsExpired: Bool
}

extension UnverifiedJWS {
  /// Verifies the signature and all claims of an access token.
  ///
  /// The signature is verified first: claims of an unverified token are never read.
  ///
  /// - Throws: The first expectation that is not met.
  ///
  /// RFC 9068 §4, RFC 7519 §4.1, RFC 8725 §3.
  func accessToken(
    signedBy key: VerificationKey, _ expected: TokenExpectation
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

  /// Verifies the signature and all claims of a gate token.
  ///
  /// `aud` must be the text of the site. A list is refused, because these programs issue none.
  ///
  /// - Throws: The first expectation that is not met.
  func gateToken(
    signedBy key: VerificationKey, _ expected: TokenExpectation
  ) throws(TokenError) -> VerifiedGateToken {
    let payload = try payload(verifiedBy: key)
    guard isType("gt+jwt") else { throw .type }
    let claims = try ClaimReader(payload)
    try claims.requireIssuer(expected.issuer)
    guard try hasSameBytes(claims.string("aud"), expected.audience) else { throw .audience }
    let (issuedAt, expires) = try claims.times(expected)
    return VerifiedGateToken(
      claims: GateClaims(
        issuer: expected.issuer, site: expected.audience, subject: try claims.subject(),
        session: try claims.session(), version: try claims.integer("ver", atLeast: 1),
        issuedAt: issuedAt, expires: expires, tokenID: try claims.string("jti")))
  }

  /// Verifies the MAC and all claims of a refresh token.
  ///
  /// There is no leeway, because the same host issues and verifies it by the same clock.
  ///
  /// - Throws: The first expectation that is not met.
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
  /// Reads and verifies `iat`, `nbf` and `exp`; returns `iat` and `exp`.
  ///
  /// `exp` is exclusive (RFC 7519 §4.1.4) and is extended by exactly the leeway.
  fileprivate func times(
    _ expected: TokenExpectation
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
