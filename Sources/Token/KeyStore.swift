package import Accounts
import Synchronization
import Threads
import Wire

/// The keys of a running program.
///
/// It verifies tokens, and signs them in programs that may sign.
///
/// It reloads the directory when `set.json` has changed, so every program follows a rotation or
/// retirement at its next request.
package final class KeyStore: Sendable {
  /// The keys of one version of the directory.
  private final class Keys: Sendable {
    let stamp: KeyFile.Stamp
    let set: KeySet
    let signing: SigningKey?
    let refreshSecret: [UInt8]
    /// The headers of our own tokens, one for each key and type.
    let headers: [KnownHeader]
    let revision: UInt64

    init(
      _ directory: KeyDirectory, signing: Bool, after earlier: Keys? = nil
    ) throws(KeyError) {
      // The stamp is taken before reading, so a change while reading causes another reload.
      guard let stamp = KeyFile.stamp(directory.setFile) else {
        throw KeyError("\(directory.setFile) is not there; tallystick init creates it")
      }
      var set = try directory.load()
      if let earlier { set.adopt(earlier.set) }
      guard let current = set.current else { throw KeyError("\(directory.setFile) has no key") }
      self.stamp = stamp
      self.set = set
      headers = TokenType.allCases.flatMap { type in
        set.keys.compactMap { try? KnownHeader(of: $0.key, type: type) }
      }
      self.signing = signing ? try directory.signingKey(current) : nil
      refreshSecret = signing ? try directory.refreshSecret() : []
      revision = (earlier?.revision ?? 0) + 1
    }

    func prepare() {
      for listed in set.keys { listed.key.prepare() }
    }
  }

  private let directory: KeyDirectory
  private let signs: Bool
  private let keys: Locked<Keys>
  private let prepares = Atomic(false)

  /// Loads the keys.
  ///
  /// It never creates any.
  ///
  /// - Parameters:
  ///   - directory: The path of the key directory.
  ///   - signing: Whether the private key and the refresh secret are needed. A program that only
  ///     verifies never opens them.
  /// - Throws: `KeyError` if a file is missing, wrong, or accessible to others.
  package init(directory: String, signing: Bool) throws(KeyError) {
    self.directory = KeyDirectory(path: directory)
    signs = signing
    keys = Locked(try Keys(self.directory, signing: signing))
  }

  /// Reloads the directory if `set.json` has changed.
  ///
  /// Otherwise it costs one `stat`.
  ///
  /// - Throws: `KeyError` while the directory is not valid. The caller must then deny.
  package func refresh() throws(KeyError) {
    guard KeyFile.stamp(directory.setFile) != current.stamp else { return }
    // The reload holds the lock. Otherwise, of two threads that reload at once, the one with the
    // older set could store it last, and both sets would get the same revision.
    try keys.withLock { keys throws(KeyError) in
      guard KeyFile.stamp(directory.setFile) != keys.stamp else { return }
      keys = try Keys(directory, signing: signs, after: keys)
      if prepares.load(ordering: .relaxed) { keys.prepare() }
    }
  }

  /// Checks that the private key belongs to its public key.
  ///
  /// - Throws: `KeyError`, which names the file, if it does not.
  package func prove() throws(KeyError) {
    guard let key = current.signing else { return }
    do throws(KeyError) {
      try key.prove()
    } catch {
      throw KeyError("\(directory.privateFile(key.kid)) \(error.reason)")
    }
  }

  /// Precomputes what speeds up verification, for all keys and for each key that is added later.
  ///
  /// It is for programs that verify at every request. After a key rotation, one request pays for
  /// precomputing the new key.
  package func prepare() {
    prepares.store(true, ordering: .relaxed)
    current.prepare()
  }

  /// A number that increases at every reload.
  ///
  /// After an increase, cached results of verification are no longer valid.
  package var revision: UInt64 { current.revision }

  /// The published JWK Set.
  package func jwks() -> [UInt8] { current.set.published }

  /// The public keys.
  var verifying: [VerificationKey] { current.set.keys.map(\.key) }

  /// The secret of refresh tokens and session bindings; empty if this program only verifies.
  var refreshSecret: [UInt8] { current.refreshSecret }

  private var current: Keys { keys.withLock { $0 } }

  /// Signs an access token.
  ///
  /// - Throws: `TokenError.signing` if this program does not sign or OpenSSL fails.
  package func issue(_ claims: AccessClaims) throws(TokenError) -> String {
    try issue(.access, claims.members)
  }

  /// Signs a gate token.
  ///
  /// - Throws: `TokenError.signing` if this program does not sign or OpenSSL fails.
  package func issue(_ claims: GateClaims) throws(TokenError) -> String {
    try issue(.gate, claims.members)
  }

  private func issue(
    _ type: TokenType, _ members: [(String, JSON)]
  ) throws(TokenError) -> String {
    guard let key = current.signing else { throw .signing }
    return try UnverifiedJWS.sign(
      header: tokenHeader(of: key.verification, type), payload: members
    ) { input throws(TokenError) in try key.sign(input) }
  }

  /// Issues a refresh token.
  ///
  /// The same claims give the same bytes.
  ///
  /// - Throws: `TokenError.signing` if this program holds no secret.
  package func issueRefresh(_ claims: RefreshClaims) throws(TokenError) -> String {
    let secret = current.refreshSecret
    guard !secret.isEmpty else { throw .signing }
    return try UnverifiedJWS.sign(
      header: [("alg", .string("HS256")), ("typ", .string("rt+jwt"))], payload: claims.members
    ) { input in hmacSHA256(key: secret, input) }
  }

  /// Verifies an access token.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - issuer: What `iss` must be.
  ///   - audience: What `aud` must be or contain.
  ///   - now: The time of the request.
  ///   - leeway: The tolerated clock difference.
  ///   - maximumLifetime: The longest lifetime that is accepted.
  ///   - allowExpired: Whether `exp` may lie in the past.
  /// - Returns: The verified token.
  /// - Throws: The first expectation that is not met.
  package func verifyAccess(
    _ token: [UInt8], issuer: String, audience: String, at now: NumericDate, leeway: Duration,
    maximumLifetime: Duration, allowExpired: Bool = false
  ) throws(TokenError) -> VerifiedAccessToken {
    let (unverified, key) = try parse(token)
    return try unverified.accessToken(
      signedBy: key,
      TokenExpectation(
        issuer: issuer, audience: audience, now: now, leeway: leeway,
        maximumLifetime: maximumLifetime, allowsExpired: allowExpired))
  }

  /// Verifies a gate token.
  ///
  /// - Parameters:
  ///   - token: The compact serialization.
  ///   - issuer: What `iss` must be.
  ///   - site: What `aud` must be: the origin of the site.
  ///   - now: The time of the request.
  ///   - leeway: The tolerated clock difference.
  ///   - maximumLifetime: The longest lifetime that is accepted.
  /// - Returns: The verified token.
  /// - Throws: The first expectation that is not met.
  package func verifyGate(
    _ token: [UInt8], issuer: String, site: String, at now: NumericDate, leeway: Duration,
    maximumLifetime: Duration
  ) throws(TokenError) -> VerifiedGateToken {
    let (unverified, key) = try parse(token)
    return try unverified.gateToken(
      signedBy: key,
      TokenExpectation(
        issuer: issuer, audience: site, now: now, leeway: leeway,
        maximumLifetime: maximumLifetime, allowsExpired: false))
  }

  /// Parses a token, and finds the key that its header names.
  private func parse(
    _ token: [UInt8]
  ) throws(TokenError) -> (token: UnverifiedJWS, key: VerificationKey) {
    let keys = current
    let unverified = try UnverifiedJWS(token, keys.headers)
    guard let kid = unverified.header.keyID,
      let listed = keys.set.keys.first(where: { hasSameBytes($0.kid, kid) })
    else { throw .unknownKey }
    return (unverified, listed.key)
  }

  /// Verifies a refresh token.
  ///
  /// - Throws: The first expectation that is not met.
  package func verifyRefresh(
    _ token: [UInt8], issuer: String, at now: NumericDate
  ) throws(TokenError) -> VerifiedRefreshToken {
    let secret = current.refreshSecret
    guard !secret.isEmpty else { throw .unknownKey }
    return try UnverifiedJWS(token).refreshToken(
      authenticatedBy: secret, issuer: issuer, at: now)
  }
}
