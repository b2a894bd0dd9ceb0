// `tallystick token …`: issues and verifies access tokens, by the same functions as the routes.

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import Token
import Wire

let tokenCommands = [
  Command(
    path: ["token", "issue"], arguments: ["NAME"],
    summary: "start a session for an account and print its access token"
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: true)
    let keys = try KeyStore(directory: settings.keys, signing: true)
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    guard let found = try store.credentials(of: account.id), !account.isDisabled else {
      throw Refused(line: "\(account.username) is disabled")
    }
    let now = Clock.now()
    let session = try Session(
      of: account.id, version: account.version, for: Client(address: "", userAgent: ""), at: now,
      under: settings, isShared: false)
    let start = Start(
      session: session, attempt: Attempt(presenting: account.username.text, from: .unknown),
      verified: found, newHash: nil, maximumSessions: settings.maximumSessions)
    guard case .started = try store.start(start, at: now) else {
      throw Refused(line: "the account is banned or was changed just now")
    }
    Context.note("token issue", account: account, session: session.id)
    let accountSession = AccountSession(session: session, account: account)
    printLine(try keys.accessToken(for: accountSession, at: now, under: settings).text)
  },
  Command(
    path: ["token", "verify"], options: [.json],
    summary: "verify an access token on standard input against keys and store"
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: true)
    let keys = try KeyStore(directory: settings.keys, signing: false)
    let store = try Context.store()
    let line = readLine(strippingNewline: true) ?? ""
    let claims = try callerClaims(of: Array(line.utf8), keys, store, settings)
    printTable(
      ["username", "sub", "sid", "gen", "ver", "expires_at"],
      [
        [
          .string(claims.username), .string(claims.subject.text), .string(claims.session.text),
          .integer(claims.generation), .integer(claims.version), time(claims.expires),
        ]
      ], asJSON: arguments.has("--json"))
  },
]

/// The claims of an access token that counts, as `check` would decide.
private func callerClaims(
  of token: [UInt8], _ keys: KeyStore, _ store: any AccountStore, _ settings: Settings
) throws -> AccessClaims {
  let now = Clock.now()
  let verified: VerifiedAccessToken
  do throws(TokenError) {
    verified = try keys.verify(token, under: settings, at: now)
  } catch {
    throw Refused(line: "not valid: \(error.reason)")
  }
  let accountSession = try store.accountSession(of: verified.claims.session)
  do throws(AccessTokenRejection) {
    return try authenticate(verified, accountSession, at: now).token.claims
  } catch {
    throw Refused(line: "not valid: \(error.reason)")
  }
}
