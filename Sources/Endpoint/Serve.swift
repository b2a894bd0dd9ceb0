// What every route does before and after its own work: method, origin, media type and body in,
// one answer out. Whatever goes wrong in between becomes an answer of the contract, and a line
// in the log.

import Accounts
import CSystem
import FastCGI
import Glibc
import Threads
package import Token
import Wire

/// A method that some route allows.
package enum Method: String, Sendable {
  case get = "GET"
  case post = "POST"
  case delete = "DELETE"

  /// Whether a request with it changes state, and so may not come from another site.
  var changesState: Bool { self != .get }
}

/// Whether a route takes a JSON body.
package enum BodyRule: Sendable {
  case none, json
}

/// Serves a route until it is told to stop: as FastCGI, or once as CGI.
///
/// - Parameters:
///   - methods: What is allowed; everything else is answered 405.
///   - settings: The program's settings.
///   - keys: The keys, read again before a request if the directory has changed.
///   - body: Whether a JSON body is required.
///   - threads: How many requests are worked on at once.
///   - handler: The route's own work.
package func serve(
  _ methods: Method..., settings: Settings, keys: KeyStore, reading body: BodyRule = .none,
  threads: Int = 8,
  _ handler: @escaping @Sendable (Call) throws -> Answer
) -> Never {
  // Before the first request; as CGI the one request finds out.
  if !isGateway(arguments: CommandLine.arguments) { orExit(try keys.prove()) }
  let log = Log(program: programName(), level: settings.logLevel)
  let route = Route(methods: methods, body: body, settings: settings, log: log)
  FastCGI.serve(
    ServeOptions(
      program: log.program, threads: threads, maximumBody: body == .json ? 16_384 : 0,
      kind: .threads, log: { event in log.write(event) }),
    arguments: CommandLine.arguments
  ) { request in
    let visit = route.begin(request, at: Clock.now()) { call in
      try keys.refresh()
      return try handler(call)
    }
    switch visit {
    case .ended(let response): return response
    case .open(let visitor, let answer): return route.end(visitor) { _ in answer }
    }
  }
}

/// Serves a route whose requests are decided together: those that come while one transaction goes
/// to the disk share the next.
///
/// - Parameters:
///   - methods: What is allowed; everything else is answered 405.
///   - settings: The program's settings.
///   - keys: The keys, read again before requests if the directory has changed.
///   - ask: What a request asks for, or the answer that it has without asking.
///   - decide: Decides what was asked together, in its order.
///   - answer: The answer to one decision.
package func serve<Question: Sendable, Outcome: Sendable>(
  _ methods: Method..., settings: Settings, keys: KeyStore,
  asking ask: @escaping @Sendable (Call) throws -> Asked<Question>,
  deciding decide: @escaping @Sendable ([Question]) throws -> [Outcome],
  answering answer: @escaping @Sendable (Call, Question, Outcome) throws -> Answer
) -> Never {
  if !isGateway(arguments: CommandLine.arguments) { orExit(try keys.prove()) }
  let log = Log(program: programName(), level: settings.logLevel)
  let route = Route(methods: methods, body: .none, settings: settings, log: log)
  let pool = ThreadPool()
  FastCGI.serve(
    ServeOptions(
      program: log.program, maximumBody: 0, kind: .events, log: { event in log.write(event) }),
    arguments: CommandLine.arguments,
    together: { requests in
      let time = Clock.now()
      // Parsing and signing cost most of it, and are each request's own: all cores share them.
      let visits = pool.concurrentMap(requests) { request in
        route.begin(request, at: time) { call in
          try keys.refresh()
          return try ask(call)
        }
      }
      let outcomes = Result { try decide(visits.compactMap { $0.question() }) }
      var asked = 0
      let places = visits.map { visit in
        defer { if visit.question() != nil { asked += 1 } }
        return (visit, asked)
      }
      return pool.concurrentMap(places) { visit, place in
        switch visit {
        case .ended(let response):
          return response
        case .open(let visitor, .answer(let known)):
          return route.end(visitor) { _ in known }
        case .open(let visitor, .question(let question)):
          return route.end(visitor) { call in
            let outcomes = try outcomes.get()
            guard place < outcomes.count else { throw Refusal.internalError }
            return try answer(call, question, outcomes[place])
          }
        }
      }
    })
}

/// What a request asks of a decision that it shares with others.
package enum Asked<Question: Sendable>: Sendable {
  case question(Question)
  /// There is nothing to be decided.
  case answer(Answer)
}

/// A route: what it allows of a request, and what becomes of its answer.
struct Route: Sendable {
  let methods: [Method]
  let body: BodyRule
  let settings: Settings
  let log: Log

  /// A request that was let in, and where it came from.
  struct Visitor: Sendable {
    let call: Call
    let provenance: Provenance
  }

  enum Visit<Work: Sendable>: Sendable {
    case open(Visitor, Work)
    /// It was turned away, or answered without the route's own work.
    case ended(Response)
  }

  /// Lets a request in and begins its work; it never fails.
  func begin<Work>(
    _ request: Request, at time: NumericDate, _ work: (Call) throws -> Work
  ) -> Visit<Work> {
    let call: Call
    do throws(SettingError) {
      call = try Call(request, settings: settings, log: log, at: time)
    } catch {
      log.write(.error, .failed, ["reason": .string(error.line)])
      return .ended(Response(.internalError, realm: settings.issuer.text, tokenSent: false))
    }
    let provenance = Provenance(
      origin: request.parameters.value("HTTP_ORIGIN"),
      fetchSite: request.parameters.value("HTTP_SEC_FETCH_SITE"),
      issuer: call.settings.issuer, allowed: call.settings.allowedOrigins)
    let visitor = Visitor(call: call, provenance: provenance)
    if let preflight = preflight(call, from: provenance) {
      return .ended(dressed(preflight, visitor))
    }
    do {
      try admit(call, from: provenance)
      return .open(visitor, try work(call))
    } catch {
      return .ended(dressed(refused(error, call), visitor))
    }
  }

  /// The answer to a request that was let in; it never fails.
  func end(_ visitor: Visitor, _ work: (Call) throws -> Answer) -> Response {
    do {
      return dressed(Response(try work(visitor.call), call: visitor.call), visitor)
    } catch {
      return dressed(refused(error, visitor.call), visitor)
    }
  }

  private func dressed(_ response: Response, _ visitor: Visitor) -> Response {
    var response = response
    response.headers += corsHeaders(for: visitor.provenance, settings: visitor.call.settings)
    return response
  }

  /// What is answered to an error.
  private func refused(_ error: any Error, _ call: Call) -> Response {
    switch error {
    case let refusal as Refusal:
      let allow =
        refusal == .methodNotAllowed ? methods.map(\.rawValue).joined(separator: ", ") : nil
      return Response(refusal, realm: call.realm, tokenSent: call.sentToken, allow: allow)
    case let error as any Explained:
      // A store, a key or a hash that fails for now: nothing was done, the client may try again.
      call.note(.unavailable, .error, reason: error.reason)
      return Response(.temporarilyUnavailable, realm: call.realm, tokenSent: false)
    default:
      call.note(.failed, .error, reason: "\(type(of: error))")
      return Response(.internalError, realm: call.realm, tokenSent: false)
    }
  }

  /// What must hold before the route's own work begins.
  private func admit(_ call: Call, from provenance: Provenance) throws(Refusal) {
    let parameters = call.request.parameters
    guard case .single(let name) = parameters.value("REQUEST_METHOD") else {
      throw .invalidRequest("The request has no method.")
    }
    guard let method = methods.first(where: { name.elementsEqual($0.rawValue.utf8) }) else {
      throw .methodNotAllowed
    }
    if method.changesState, provenance == .foreign {
      call.note(.crossSite)
      throw .crossSite
    }
    guard body == .json else { return }
    guard isJSON(parameters.value("CONTENT_TYPE")),
      isAbsentOrEmpty(parameters.value("HTTP_CONTENT_ENCODING"))
    else { throw .unsupportedMediaType }
    if case .tooLarge = call.request.body { throw .tooLarge }
  }

  /// The answer to a CORS preflight from an origin that the settings name, nil for the rest.
  private func preflight(_ call: Call, from provenance: Provenance) -> Response? {
    let parameters = call.request.parameters
    guard case .listed = provenance,
      case .single(let method) = parameters.value("REQUEST_METHOD"),
      method.elementsEqual("OPTIONS".utf8),
      case .single = parameters.value("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    else { return nil }
    var response = Response(.done(), call: call)
    response.headers += [
      ("Access-Control-Allow-Methods", methods.map(\.rawValue).joined(separator: ", ")),
      ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
      ("Access-Control-Max-Age", "600"),
    ]
    return response
  }
}

extension Route.Visit {
  /// What is left to be decided.
  fileprivate func question<Question>() -> Question? where Work == Asked<Question> {
    guard case .open(_, .question(let question)) = self else { return nil }
    return question
  }
}

/// Whether a Content-Type is `application/json`, at most with `charset=utf-8`.
///
/// RFC 8259 §11 defines no parameter; clients send this one, and no other says the same.
func isJSON(_ type: Parameter) -> Bool {
  guard case .single(let bytes) = type, let text = String(validating: bytes, as: UTF8.self)
  else { return false }
  let parts = asciiLowercased(text).split(separator: ";", omittingEmptySubsequences: false)
    .map { part in part.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed()
    }
    .map { String($0) }
  switch parts.count {
  case 1: return parts[0] == "application/json"
  case 2:
    return parts[0] == "application/json"
      && ["charset=utf-8", "charset=\"utf-8\""].contains(parts[1])
  default: return false
  }
}

private func isAbsentOrEmpty(_ parameter: Parameter) -> Bool {
  guard case .single(let bytes) = parameter else { return parameter == .absent }
  return bytes.isEmpty
}

extension Log {
  /// Writes what happened to a connection or to the program.
  func write(_ event: ServeEvent) {
    switch event {
    case .started(let how): write(.info, .settingsLoaded, ["reason": .string(how)])
    case .stopped: write(.info, .stopped)
    case .refused(let why): write(.warning, .connection, ["reason": .string(why)])
    }
  }
}
