package import Accounts
import Synchronization
import Threads
import Wire

/// The keys of a running program: they verify, and where it may, sign.
///
/// It reads the directory again when `set.json` has changed, so a rotation or a retirement
/// reaches every program at its next request.
package final class KeyStore: Sendable {
  /// What one version of the directory holds.
  private final class Keys: Sendable {
    let stamp: KeyFile.Stamp
    let set: KeySet
    let signing: SigningKey?
    let refreshSecret: [UInt8]
    /// What our own access tokens begin with, one for each key.
    let headers: [KnownHeader]
    let revision: UInt64

    init(
      _ directory: KeyDirectory, signing: Bool, after earlier: Keys? = nil
    ) throws(KeyError) {
      // The stamp comes first: a change during the reading is read again.
      guard let stamp = KeyFile.stamp(directory.setFile) else {
        throw KeyError("\(directory.setFile) is not there; tallystick init creates it")
      }
      var set = try directory.load()
      if let earlier { set.adopt(earlier.set) }
      guard let current = set.current else { throw KeyError("\(directory.setFile) has no key") }
      self.stamp = stamp
      self.set = set
      headers = set.keys.compactMap { try? KnownHeader(of: $0.key) }
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

  /// Reads the directory.
  ///
  /// - Parameters:
  ///   - directory: Its path.
  ///   - signing: Whether the private key and the refresh secret are needed; a program that only
  ///     verifies never opens them.
  /// - Throws: `KeyError` in one line for whatever is missing, open to others, or wrong; nothing
  ///   is ever created.
  package init(directory: String, signing: Bool) throws(KeyError) {
    self.directory = KeyDirectory(path: directory)
    signs = signing
    keys = Locked(try Keys(self.directory, signing: signing))
  }

  /// Reads the directory again if its set has changed: one `stat` if it has not.
  ///
  /// - Throws: `KeyError` while the directory is not right; whoever verifies must then deny.
  package func refresh() throws(KeyError) {
    guard KeyFile.stamp(directory.setFile) != current.stamp else { return }
    // Under the lock: of two threads that read at once, the one with the older set could come
    // last, and both would give their sets the same revision.
    try keys.withLock { keys throws(KeyError) in
      guard KeyFile.stamp(directory.setFile) != keys.stamp else { return }
      keys = try Keys(directory, signing: signs, after: keys)
      if prepares.load(ordering: .relaxed) { keys.prepare() }
    }
  }

  /// Makes sure that the signing key signs what its public half verifies.
  ///
  /// - Throws: `KeyError` naming the file if it does not.
  package func prove() throws(KeyError) {
    guard let key = current.signing else { return }
    do throws(KeyError) {
      try key.prove()
    } catch {
      throw KeyError("\(directory.privateFile(key.kid)) \(error.reason)")
    }
  }

  /// Makes ready what many verifications will need, now and for each key that comes later.
  ///
  /// For a program that does little else: of its requests, only the one that first sees a new key
  /// waits for that.
  package func prepare() {
    prepares.store(true, ordering: .relaxed)
    current.prepare()
  }

  /// Changes with every reading: what was verified before may not count any more.
  package var revision: UInt64 { current.revision }

  /// The public keys as they are published.
  package func jwks() -> [UInt8] { current.set.published }

  /// The public keys.
  var verifying: [VerificationKey] { current.set.keys.map(\.key) }

  /// The secret of refresh tokens and session bindings; empty if this program only verifies.
  var refreshSecret: [UInt8] { current.refreshSecret }

  private var current: Keys { keys.withLock { $0 } }

  /// Signs an access token.
  ///
  /// - Throws: `TokenError.signing` if it cannot.
  package func issue(_ claims: AccessClaims) throws(TokenError) -> String {
    guard let key = current.signing else { throw .signing }
    return try UnverifiedJWS.sign(
      header: accessHeader(of: key.verification), payload: claims.members
    ) { input throws(TokenError) in try key.sign(input) }
  }

  /// Makes a refresh token; the same claims make the same bytes.
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
  ///   - leeway: How far clocks may differ.
  ///   - maximumLifetime: The longest life that is believed.
  ///   - allowExpired: Whether `exp` may lie in the past.
  /// - Returns: The token, its claims all held.
  /// - Throws: What does not hold.
  package func verifyAccess(
    _ token: [UInt8], issuer: String, audience: String, at now: NumericDate, leeway: Duration,
    maximumLifetime: Duration, allowExpired: Bool = false
  ) throws(TokenError) -> VerifiedAccessToken {
    let keys = current
    let unverified = try UnverifiedJWS(token, keys.headers)
    guard let kid = unverified.header.keyID,
      let listed = keys.set.keys.first(where: { hasSameBytes($0.kid, kid) })
    else { throw .unknownKey }
    return try unverified.accessToken(
      signedBy: listed.key,
      AccessExpectation(
        issuer: issuer, audience: audience, now: now, leeway: leeway,
        maximumLifetime: maximumLifetime, allowsExpired: allowExpired))
  }

  /// Verifies a refresh token.
  ///
  /// - Throws: What does not hold.
  package func verifyRefresh(
    _ token: [UInt8], issuer: String, at now: NumericDate
  ) throws(TokenError) -> VerifiedRefreshToken {
    let secret = current.refreshSecret
    guard !secret.isEmpty else { throw .unknownKey }
    return try UnverifiedJWS(token).refreshToken(
      authenticatedBy: secret, issuer: issuer, at: now)
  }
}
