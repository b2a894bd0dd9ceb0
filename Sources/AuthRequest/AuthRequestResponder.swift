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
import Authentication
package import Configuration
package import FastCGI
import Gate
package import Logging
package import Routes
import Threads
package import Token
import Wire

/// Decides what may pass: 204, 401, 403, or 503 where it cannot decide; nothing else.
package final class AuthRequestResponder: Sendable {
  /// Allows by returning, denies by throwing; nil is a session or a device token that is not there.
  package typealias Decide = @Sendable (Call, VerifiedCredential, Holder?) throws -> Permit

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
  package let lateWriter: LateWriter

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
    lateWriter = LateWriter(store, log: log)
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
    _ = try? store.accountDevices(of: [""])
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
      let presented = PresentedCredential(request.parameters)
      var digest: Digest256?
      if remembers, let presented { digest = Digest256(of: request, presented, by: &state.input) }
      let known = digest.flatMap { state.cache.find($0, at: time) }
      if let known, known.revocations == revocations {
        responses[index] = known.response
      } else {
        questions.append(
          Question(
            index: index, presented: presented, digest: digest, credential: known?.credential))
      }
    }
    guard !questions.isEmpty else { return responses }
    open(&questions, requests, at: time)
    verify(&questions)
    let holders = Holders(of: questions.compactMap { try? $0.credential?.get() }, in: store)
    for question in questions {
      // One that came twice was decided a moment ago.
      let known = question.digest.flatMap { state.cache.find($0, at: time) }
      if let known, known.revocations == revocations {
        responses[question.index] = known.response
        continue
      }
      let (response, decision) = answer(question, holders, revocations)
      responses[question.index] = response
      if let decision { state.cache.insert(decision, at: time) }
    }
    return responses
  }
}

/// A request that has to be decided anew, and how far it has come.
private struct Question {
  /// Its place among the requests.
  let index: Int
  let presented: PresentedCredential?
  let digest: Digest256?
  /// The request; nil where its settings are wrong, and nothing can be said.
  var call: Call?
  /// The verified credential, or the refusal; at first only one that was verified before.
  var credential: Result<VerifiedCredential, Refusal>?

  init(
    index: Int, presented: PresentedCredential?, digest: Digest256?,
    credential: VerifiedCredential?
  ) {
    self.index = index
    self.presented = presented
    self.digest = digest
    self.credential = credential.map { .success($0) }
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
    var tokens: [(call: Call, presented: PresentedCredential)] = []
    var tokenOf: [Int?] = []
    var seen: [Digest256: Int] = [:]
    for place in questions.indices {
      tokenOf.append(nil)
      let question = questions[place]
      guard let call = question.call, question.credential == nil else { continue }
      guard let presented = question.presented else {
        call.noteMissingToken()
        questions[place].credential = .failure(.invalidToken)
        continue
      }
      if let digest = question.digest, let first = seen[digest] {
        tokenOf[place] = first
        continue
      }
      if let digest = question.digest { seen[digest] = tokens.count }
      tokenOf[place] = tokens.count
      tokens.append((call, presented))
    }
    let verified = threads.concurrentMap(tokens) { [keys] token in
      Result { () throws(TokenError) in try keys.verify(token.presented, of: token.call) }
    }
    for (place, token) in tokenOf.enumerated() {
      guard let token, let call = questions[place].call else { continue }
      questions[place].credential = verified[token].mapError { call.refusal(of: .token($0)) }
    }
  }

  /// Decides one request.
  ///
  /// - Returns: The answer, and what to remember of it if it allows.
  private func answer(
    _ question: Question, _ holders: Holders, _ revocations: RevocationMark
  ) -> (EncodedResponse, Decision?) {
    guard let call = question.call, let credential = question.credential else {
      return (.undecided, nil)
    }
    do {
      do {
        let credential = try credential.get()
        let permit = try decide(call, credential, holders[credential])
        switch permit.news {
        case .confirmed(let session, let generation): lateWriter.note(session, generation)
        case .used(let digest): lateWriter.note(useOf: digest, at: call.time)
        case nil: break
        }
        let response = Response.allowing(permit).encoded()
        let decision = question.digest.map { digest in
          Decision(
            digest: digest, credential: credential, response: response, revocations: revocations,
            from: permit.from, until: permit.until)
        }
        return (response, decision)
      } catch let refusal as Refusal where refusal.status == 401 || refusal.status == 403 {
        let names = refusal.status == 403 || call.sentToken || question.presented != nil
        return (Response.denying(refusal, call, names: names).encoded(), nil)
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
}
