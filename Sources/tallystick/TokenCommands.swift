import Accounts
import Endpoint
import FastCGI
import SignIn
import Store
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
    let call = try Call(
      Request.none, settings: settings, log: Context.log(), at: Clock.now())
    let session = try call.newSession(for: account.id, version: account.version)
    let start = Start(
      session: session, attempt: Attempt(presenting: account.username.text, from: .unknown),
      verified: found, newHash: nil, maximumSessions: settings.maximumSessions)
    guard case .started = try store.start(start, at: call.time) else {
      throw Refused(line: "the account is banned or was changed just now")
    }
    Context.note("token issue", account: account, session: session.id)
    let standing = Standing(session: session, account: account)
    printLine(try call.tokens(for: standing, keys, withCookie: false).accessToken)
  },
  Command(
    path: ["token", "verify"], options: [.json],
    summary: "verify an access token on standard input against keys and store"
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: true)
    let keys = try KeyStore(directory: settings.keys, signing: false)
    let store = try Context.store()
    let line = readLine(strippingNewline: true) ?? ""
    let token: VerifiedAccessToken
    do throws(TokenError) {
      token = try keys.verifyAccess(
        Array(line.utf8), issuer: settings.issuer.text, audience: settings.audience,
        at: Clock.now(), leeway: settings.leeway, maximumLifetime: settings.accessLifetime)
    } catch {
      throw Refused(line: "not valid: \(error.reason)")
    }
    let claims = token.claims
    guard let standing = try store.standing(of: claims.session),
      standing.honours(account: claims.subject, version: claims.version, at: Clock.now()),
      standing.honours(generation: claims.generation)
    else { throw Refused(line: "not valid: its session has ended or its version is outdated") }
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
