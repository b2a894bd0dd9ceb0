import Accounts
import AuthRequest
import Authentication
import CSystem
import Configuration
import FastCGI
import Foundation
import Logging
import Routes
import Store
import Testing
import Token

/// A state directory, its responder, and one account with a session.
final class Host {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "tallystick-auth-request-\(UUID().uuidString)")
  let keys: KeyStore
  let signer: KeyStore
  let store: SQLiteStore
  let settings: Settings
  let responder: AuthRequestResponder
  let account: Account
  let now = NumericDate(seconds: 1_800_000_000)

  init(patience: Duration = .seconds(5)) throws {
    let path = folder.path
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    settings = try Settings(environment: [
      ("TALLYSTICK_ISSUER", "https://a.test"), ("TALLYSTICK_STATE", path),
    ])
    try KeyDirectory(path: settings.keys).create(algorithm: .es256, at: now)
    try SQLiteStore.create(at: settings.database)
    keys = try KeyStore(directory: settings.keys, signing: false)
    signer = try KeyStore(directory: settings.keys, signing: true)
    var options = StoreOptions()
    options.patience = patience
    let store = try SQLiteStore(at: settings.database, options: options)
    self.store = store
    account = Account(
      id: try #require(AccountID(try Random.identifier())),
      username: try #require(Username("alice")), groups: [try #require(Group("staff"))],
      createdAt: now)
    let credentials = Credentials(account: account, passwordHash: "$argon2id$none")
    #expect(try store.register(credentials, starting: nil, network: nil))
    responder = AuthRequestResponder(
      settings: settings, keys: keys, store: store,
      log: Log(program: "check", level: .error)
    ) { call, credential, holder in
      let permit = try call.permit(credential, holder)
      try call.require(permit.account)
      return permit
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// Starts a session and issues its access token.
  func signIn() throws -> (session: SessionID, token: String) {
    let session = try Session(
      of: account.id, version: 1, for: Client(address: "", userAgent: ""), at: now,
      under: settings, isShared: false)
    let verified = try #require(try store.credentials(of: account.id))
    _ = try store.start(
      Start(
        session: session, attempt: Attempt(presenting: "alice", from: .unknown),
        verified: verified, newHash: nil, maximumSessions: 100), at: now)
    let accountSession = AccountSession(session: session, account: account)
    return (session.id, try signer.accessToken(for: accountSession, at: now, under: settings).text)
  }

  /// Signs in and refreshes once: the session, and the access token of its second generation.
  func rotated() throws -> (session: SessionID, token: String) {
    let (session, _) = try signIn()
    let presented = Presented(
      session: session, account: account.id, version: 1, generation: 1,
      issuedAt: NumericDate(seconds: 0), isBound: true, at: now,
      reuseWindow: .seconds(10))
    let outcome = try store.refresh([presented]).first
    guard case .granted(.rotate, let accountSession)? = outcome else {
      Issue.record("not rotated: \(String(describing: outcome))")
      throw StoreError.busy
    }
    return (session, try signer.accessToken(for: accountSession, at: now, under: settings).text)
  }

  func check(
    _ token: String, _ more: [(String, String)] = [], after seconds: Int64 = 0
  ) -> EncodedResponse {
    let parameters = [("REQUEST_METHOD", "GET"), ("HTTP_AUTHORIZATION", "Bearer \(token)")] + more
    return responder.respond(to: Request(parameters: Parameters(parameters)), at: now + seconds)
  }
}

@Suite struct `The answer to nginx's auth_request` {
  @Test func `allows a token again without asking, and denies it once its session has ended`()
    throws
  {
    let host = try Host()
    let (session, token) = try host.signIn()
    #expect(host.check(token).status == 204)
    #expect(host.check(token).status == 204)
    #expect(try host.store.endSession(session, of: nil))
    #expect(host.check(token).status == 401)
  }

  @Test func `forgets nothing that a login or a rotation of somebody else changes`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    #expect(host.check(token).status == 204)
    let before = try host.store.revocationMark()
    _ = try host.signIn()
    #expect(try host.store.revocationMark() == before)
    #expect(host.check(token).status == 204)
  }

  /// RFC 7519 §4.1.4: at `exp`, shifted by exactly the leeway, it is over (T022).
  @Test func `holds a remembered token to its expiry`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    for (seconds, status) in [(0, 204), (901, 204), (902, 401), (1, 204), (903, 401)] {
      #expect(host.check(token, after: Int64(seconds)).status == status)
    }
  }

  /// T103: no decision without the policy it was made under.
  @Test func `decides anew for another policy`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    for _ in 0..<2 {
      #expect(host.check(token).status == 204)
      #expect(host.check(token, [("AUTH_REQUIRE", "staff")]).status == 204)
      #expect(host.check(token, [("AUTH_REQUIRE", "admin")]).status == 403)
      #expect(host.check(token, [("TALLYSTICK_AUDIENCE", "https://b.test")]).status == 401)
      #expect(
        host.check(token, [("AUTH_REQUIRE", "staff"), ("AUTH_REQUIRE", "staff")]).status == 503)
    }
  }

  @Test func `sees other groups at the next request`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    #expect(host.check(token, [("AUTH_REQUIRE", "staff")]).status == 204)
    #expect(try host.store.setGroups([], account: host.account.id))
    #expect(host.check(token, [("AUTH_REQUIRE", "staff")]).status == 403)
    #expect(host.check(token).text.contains("X-Auth-Groups: \r\n"))
  }

  /// T041: keys retired, entries gone.
  @Test func `denies what a retired key has signed`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    #expect(host.check(token).status == 204)
    let directory = KeyDirectory(path: host.settings.keys)
    _ = try directory.rotate(at: host.now, algorithm: nil)
    #expect(host.check(token).status == 204)
    _ = try directory.retire(kid: nil)
    #expect(host.check(token).status == 401)
  }

  @Test func `never takes a token for one that it resembles`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    #expect(host.check(token).status == 204)
    for index in stride(from: 0, to: token.utf8.count, by: 7) {
      var bytes = Array(token.utf8)
      bytes[index] = bytes[index] == 0x41 ? 0x42 : 0x41
      let changed = String(decoding: bytes, as: UTF8.self)
      #expect(changed == token || host.check(changed).status == 401)
    }
    #expect(host.check(token + "A").status == 401)
    #expect(host.check(String(token.dropLast())).status == 401)
  }

  /// Fail closed: 503 becomes a 500 at nginx, which lets nothing through.
  @Test func `answers 503 while the keys cannot be read, and recovers`() throws {
    let host = try Host()
    let (_, token) = try host.signIn()
    #expect(host.check(token).status == 204)
    let set = URL(fileURLWithPath: host.settings.keys + "/set.json")
    let good = try Data(contentsOf: set)
    try Data("{}".utf8).write(to: set)
    #expect(host.check(token).status == 503)
    try good.write(to: set)
    #expect(host.check(token).status == 204)
  }

  @Test func `confirms the generation of a token that it allows`() throws {
    let host = try Host()
    let (session, token) = try host.rotated()
    #expect(try host.store.accountSession(of: session)?.session.confirmed == 1)
    #expect(host.check(token).status == 204)
    host.responder.lateWriter.flush()
    #expect(try host.store.accountSession(of: session)?.session.confirmed == 2)
  }

  @Test func `allows also where the confirmation cannot be written`() throws {
    let host = try Host(patience: .milliseconds(20))
    let (session, token) = try host.rotated()
    // Somebody writes, and does not end.
    let lock = unsafe open(host.settings.database + ".lock", O_RDWR)
    #expect(flock(lock, LOCK_EX) == 0)
    #expect(host.check(token).status == 204)
    host.responder.lateWriter.flush()
    #expect(try host.store.accountSession(of: session)?.session.confirmed == 1)
    #expect(host.check(token).status == 204)
    close(lock)
    // With what is noted next, because a decision that is remembered is not noted again.
    let (other, next) = try host.rotated()
    #expect(host.check(next).status == 204)
    host.responder.lateWriter.flush()
    for session in [session, other] {
      #expect(try host.store.accountSession(of: session)?.session.confirmed == 2)
    }
  }

  @Test func `that remembers nothing reads keys and store for each request`() throws {
    let host = try Host()
    let (session, token) = try host.signIn()
    let forgetful = AuthRequestResponder(
      settings: host.settings, keys: host.keys, store: host.store,
      log: Log(program: "check", level: .error), remembers: false
    ) { call, credential, holder in try call.permit(credential, holder) }
    let request = Request(
      parameters: Parameters([("HTTP_AUTHORIZATION", "Bearer \(token)")]))
    #expect(forgetful.respond(to: request, at: host.now).status == 204)
    #expect(try host.store.endSession(session, of: nil))
    #expect(forgetful.respond(to: request, at: host.now).status == 401)
  }

  @Test func `decides requests that came together each for itself, and in their order`() throws {
    let host = try Host()
    let people = try (0..<12).map { _ in try host.signIn() }
    #expect(try host.store.endSession(people[3].session, of: nil))
    #expect(try host.store.endSession(people[7].session, of: nil))
    // Good, ended, forged, good a second time, without a token, for another audience.
    var requests: [Request] = []
    var expected: [Int] = []
    func ask(_ parameters: [(String, String)], _ status: Int) {
      requests.append(Request(parameters: Parameters(parameters)))
      expected.append(status)
    }
    for (index, person) in people.enumerated() {
      let isLive = ![3, 7].contains(index)
      let bearer = ("HTTP_AUTHORIZATION", "Bearer \(person.token)")
      ask([bearer], isLive ? 204 : 401)
      ask([("HTTP_AUTHORIZATION", "Bearer \(person.token.dropLast(4))AAAA")], 401)
      ask([bearer], isLive ? 204 : 401)
      ask([], 401)
      ask([bearer, ("AUTH_REQUIRE", "admin")], isLive ? 403 : 401)
      ask([bearer, ("TALLYSTICK_AUDIENCE", "https://b.test")], 401)
      ask([bearer, ("TALLYSTICK_LEEWAY", "never")], 503)
    }
    for _ in 0..<3 {
      let responses = host.responder.respond(to: requests, at: host.now)
      #expect(responses.map(\.status) == expected)
      for (index, person) in people.enumerated() where expected[index * 7] == 204 {
        for place in [0, 2] {
          #expect(responses[index * 7 + place].text.contains("X-Auth-Session: \(person.session)"))
        }
      }
    }
  }

  @Test func `answers as many requests as it is asked, also none`() throws {
    #expect(try Host().responder.respond(to: [], at: NumericDate(seconds: 0)).isEmpty)
  }
}

extension AuthRequestResponder {
  func respond(to request: Request, at time: NumericDate) -> EncodedResponse {
    respond(to: [request], at: time).first ?? Response(status: 599).encoded()
  }
}

extension EncodedResponse {
  var text: String { String(decoding: bytes, as: UTF8.self) }
}
