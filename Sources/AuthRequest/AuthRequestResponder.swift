// The decisions about nginx's auth_request, and the shortcut to them.
//
// The shortcut: a token that was verified in full, under keys and a policy that are still the
// same, for a session and an account that nobody has touched since. "Nobody" is asked once for all
// requests that came together, after their bytes are in: so a revocation that was committed before
// a request was sent is always seen. Only allowing is remembered.
//
// What cannot be remembered is shared too: the signatures that came together are verified on all
// cores, and their sessions are read in one transaction.

package import Accounts
package import Authentication
package import Configuration
package import FastCGI
package import Logging
package import Routes
import Threads
package import Token
import Wire

/// Decides what may pass: 204, 401, 403, or 503 where it cannot decide; nothing else.
package final class AuthRequestResponder: Sendable {
  /// Allows by returning, denies by throwing; nil is a session that is not there.
  package typealias Decide = @Sendable (Call, VerifiedAccessToken, AccountSession?) throws -> Caller

  private struct State: ~Copyable {
    var cache = DecisionCache()
    /// The input of a digest; kept, so that it is allocated once.
    var input: [UInt8] = []
    var keyRevision: UInt64 = 0
  }

  private let settings: Settings
  private let keys: KeyStore
  private let store: any AccountStore
  private let log: Log
  private let remembers: Bool
  private let decide: Decide
  private let state = Locked(State())
  private let threads = ThreadPool()
  package let confirmer: GenerationConfirmer

  /// - Parameters:
  ///   - settings: The program's settings.
  ///   - keys: The keys, read again when the directory has changed.
  ///   - store: Where sessions and accounts stand.
  ///   - log: Where refusals are noted.
  ///   - remembers: Whether there will be another request, to which this one's decision may serve.
  ///   - decide: What a verified token is held to.
  package init(
    settings: Settings, keys: KeyStore, store: any AccountStore, log: Log, remembers: Bool = true,
    _ decide: @escaping Decide
  ) {
    self.settings = settings
    self.keys = keys
    self.store = store
    self.log = log
    self.remembers = remembers
    self.decide = decide
    confirmer = GenerationConfirmer(store, log: log)
  }

  /// Makes ready what deciding needs, so that the first request waits neither for the multiples of a
  /// key nor for statements; what fails here will fail again where it is answered.
  package func prepare() {
    keys.prepare()
    _ = try? store.revocationMark()
    // A session that nobody has: 128 bits are never all zero.
    if let nobody = SessionID(String(repeating: "a", count: 26)) {
      _ = try? store.accountSessions(of: [nobody])
    }
  }

  /// Answers requests that came together, in their order; it never fails.
  package func respond(to requests: [Request], at time: NumericDate) -> [EncodedResponse] {
    state.withLock { state in
      do {
        let revocations = try askForChanges(&state)
        return respond(to: requests, at: time, revocations, &state)
      } catch let error as any LoggableError {
        log.write(.error, .unavailable, ["reason": .string(error.reason)])
      } catch {
        log.write(.error, .failed, ["reason": .string("\(type(of: error))")])
      }
      return requests.map { _ in .undecided }
    }
  }

  /// Asks keys and store whether anything changed: what follows is decided by the answer.
  ///
  /// - Returns: The store's revocation mark.
  private func askForChanges(_ state: inout State) throws -> RevocationMark {
    try keys.refresh()
    if state.keyRevision != keys.revision {
      state.cache.removeAll()
      state.keyRevision = keys.revision
    }
    return remembers ? try store.revocationMark() : RevocationMark(0)
  }

  private func respond(
    to requests: [Request], at time: NumericDate, _ revocations: RevocationMark,
    _ state: inout State
  ) -> [EncodedResponse] {
    var responses = [EncodedResponse](repeating: .undecided, count: requests.count)
    var questions: [Question] = []
    for (index, request) in requests.enumerated() {
      let digest = remembers ? digest(of: request, &state) : nil
      let known = digest.flatMap { state.cache.find($0, at: time) }
      if let known, known.revocations == revocations {
        responses[index] = known.response
      } else {
        questions.append(Question(index: index, digest: digest, known: known?.token))
      }
    }
    guard !questions.isEmpty else { return responses }
    open(&questions, requests, at: time)
    verify(&questions)
    let accountSessions = accountSessions(of: questions)
    for question in questions {
      // One that came twice was decided a moment ago.
      let known = question.digest.flatMap { state.cache.find($0, at: time) }
      if let known, known.revocations == revocations {
        responses[question.index] = known.response
        continue
      }
      let (response, decision) = answer(question, accountSessions, revocations)
      responses[question.index] = response
      if let decision { state.cache.insert(decision, at: time) }
    }
    return responses
  }

  /// The digest of everything that the decision depends on: the token, and each parameter of
  /// nginx that says something about the policy, by name and length.
  ///
  /// - Returns: nil where there is no single well-formed token: such a request is never allowed.
  private func digest(of request: Request, _ state: inout State) -> Digest256? {
    guard case .single(let header) = request.parameters.value("HTTP_AUTHORIZATION"),
      case .token(let token) = Authorization.bearer(header),
      token.count <= UnverifiedJWS.maximumByteCount
    else { return nil }
    state.input.removeAll(keepingCapacity: true)
    state.input += token
    for prefix: StaticString in ["TALLYSTICK_", "AUTH_REQUIRE"] {
      request.parameters.forEach(beginning: prefix) { name, value in
        state.input.append(part: name)
        state.input.append(part: value)
      }
    }
    return Digest256(of: state.input)
  }
}

extension [UInt8] {
  /// Appends bytes so that where they begin and end can be told from the whole.
  fileprivate mutating func append(part: ArraySlice<UInt8>) {
    // No byte of a token is 0xff, so what follows cannot be taken for a longer token.
    append(0xff)
    var length = UInt32(truncatingIfNeeded: part.count)
    for _ in 0..<4 {
      append(UInt8(truncatingIfNeeded: length))
      length >>= 8
    }
    self += part
  }
}

/// The sessions that questions are about, or why none can be read.
private typealias AccountSessions = Result<
  [SessionID: Result<AccountSession, StoreError>], StoreError
>

/// A request that has to be decided anew, and how far it has come.
private struct Question {
  /// Its place among the requests.
  let index: Int
  let digest: Digest256?
  /// The token, if it was verified before.
  var known: VerifiedAccessToken?
  /// The request and its bearer token; the refusal, or why nothing can be said.
  var call: Call?
  var token: Result<VerifiedAccessToken, Refusal>?

  init(index: Int, digest: Digest256?, known: VerifiedAccessToken?) {
    self.index = index
    self.digest = digest
    self.known = known
  }
}

extension AuthRequestResponder {
  /// Reads each request's settings; one whose settings are wrong stays without a call.
  private func open(_ questions: inout [Question], _ requests: [Request], at time: NumericDate) {
    for place in questions.indices {
      do throws(SettingError) {
        questions[place].call = try Call(
          requests[questions[place].index], settings: settings, log: log, at: time)
      } catch {
        log.write(.error, .failed, ["reason": .string(error.line)])
      }
    }
  }

  /// Verifies the tokens that are not known, each once, on all cores.
  private func verify(_ questions: inout [Question]) {
    var bearers: [(call: Call, token: [UInt8])] = []
    var bearerOf: [Int?] = []
    var seen: [Digest256: Int] = [:]
    for place in questions.indices {
      bearerOf.append(nil)
      guard let call = questions[place].call else { continue }
      if let known = questions[place].known {
        questions[place].token = .success(known)
        continue
      }
      do throws(Refusal) {
        let token = try call.bearerToken()
        if let digest = questions[place].digest, let first = seen[digest] {
          bearerOf[place] = first
          continue
        }
        if let digest = questions[place].digest { seen[digest] = bearers.count }
        bearerOf[place] = bearers.count
        bearers.append((call, token))
      } catch {
        questions[place].token = .failure(error)
      }
    }
    let verified = threads.concurrentMap(bearers) { [keys] bearer in
      Result { () throws(TokenError) in
        try keys.verify(bearer.token, under: bearer.call.settings, at: bearer.call.time)
      }
    }
    for (place, bearer) in bearerOf.enumerated() {
      guard let bearer, let call = questions[place].call else { continue }
      questions[place].token = verified[bearer].mapError { call.refusal(of: .token($0)) }
    }
  }

  /// The sessions of the verified tokens, read in one transaction.
  private func accountSessions(of questions: [Question]) -> AccountSessions {
    var sessions = Set<SessionID>()
    for case .success(let token) in questions.map(\.token) { sessions.insert(token.claims.session) }
    return Result { () throws(StoreError) in try store.accountSessions(of: Array(sessions)) }
  }

  /// Decides one request.
  ///
  /// - Returns: The answer, and what to remember of it if it allows.
  private func answer(
    _ question: Question, _ accountSessions: AccountSessions,
    _ revocations: RevocationMark
  ) -> (EncodedResponse, Decision?) {
    guard let call = question.call, let token = question.token else { return (.undecided, nil) }
    do {
      do {
        let token = try token.get()
        let caller = try decide(call, token, accountSessions.get()[token.claims.session]?.get())
        if caller.session.confirming(generation: token.claims.generation) != nil {
          confirmer.note(caller.session.id, token.claims.generation)
        }
        let response = Response.allowing(caller).encoded()
        return (response, decision(question, call, caller, response, revocations))
      } catch let refusal as Refusal where refusal.status == 401 || refusal.status == 403 {
        return (Response.denying(refusal, call).encoded(), nil)
      }
    } catch let error as SettingError {
      log.write(.error, .failed, ["reason": .string(error.line)])
    } catch let error as any LoggableError {
      log.write(.error, .unavailable, ["reason": .string(error.reason)])
    } catch {
      log.write(.error, .failed, ["reason": .string("\(type(of: error))")])
    }
    return (.undecided, nil)
  }

  private func decision(
    _ question: Question, _ call: Call, _ caller: Caller, _ response: EncodedResponse,
    _ revocations: RevocationMark
  ) -> Decision? {
    guard let digest = question.digest else { return nil }
    let claims = caller.token.claims
    return Decision(
      digest: digest, token: caller.token, response: response, revocations: revocations,
      from: claims.issuedAt + -call.settings.leeway.components.seconds,
      until: min(claims.expires + call.settings.leeway, caller.session.expiresAt))
  }
}

extension EncodedResponse {
  /// It cannot be decided: nginx makes a 500 of it, which lets nothing through.
  fileprivate static let undecided = Response(
    status: 503, headers: [("Cache-Control", "no-store")]
  ).encoded()
}

extension Response {
  fileprivate static func allowing(_ caller: Caller) -> Response {
    Response(
      status: 204,
      headers: [
        ("Cache-Control", "no-store"), ("X-Auth-User", caller.account.username.text),
        ("X-Auth-Subject", caller.account.id.text),
        ("X-Auth-Session", caller.session.id.text),
        ("X-Auth-Groups", caller.account.groups.map(\.text).joined(separator: ",")),
      ])
  }

  fileprivate static func denying(_ refusal: Refusal, _ call: Call) -> Response {
    let names = refusal.status == 403 || call.sentToken
    return Response(
      status: refusal.status,
      headers: [
        ("Cache-Control", "no-store"),
        ("WWW-Authenticate", challenge(realm: call.realm, error: names ? refusal.code : nil)),
      ])
  }
}
