import Accounts
package import Configuration
package import FastCGI
import Launch
package import Logging
import Threads
package import Token
import Wire

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
    let progress = route.begin(request, at: Clock.now()) { call in
      try keys.refresh()
      return try handler(call)
    }
    switch progress {
    case .ended(let response): return response
    case .open(let accepted, let answer): return route.end(accepted) { _ in answer }
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
      let begun = pool.concurrentMap(requests) { request in
        route.begin(request, at: time) { call in
          try keys.refresh()
          return try ask(call)
        }
      }
      let outcomes = Result { try decide(begun.compactMap { $0.question() }) }
      var asked = 0
      let places = begun.map { progress in
        defer { if progress.question() != nil { asked += 1 } }
        return (progress, asked)
      }
      return pool.concurrentMap(places) { progress, place in
        switch progress {
        case .ended(let response):
          return response.encoded()
        case .open(let accepted, .answer(let known)):
          return route.end(accepted) { _ in known }.encoded()
        case .open(let accepted, .question(let question)):
          return route.end(accepted) { call in
            let outcomes = try outcomes.get()
            guard place < outcomes.count else { throw Refusal.internalError }
            return try answer(call, question, outcomes[place])
          }.encoded()
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

extension Route.Progress {
  /// What is left to be decided.
  fileprivate func question<Question>() -> Question? where Work == Asked<Question> {
    guard case .open(_, .question(let question)) = self else { return nil }
    return question
  }
}

extension Log {
  /// Writes a line about a connection or about the program as a whole.
  package func write(_ event: ServeEvent) {
    if case .stopped = event { flush() }
    switch event {
    case .started(let how): write(.info, .settingsLoaded, ["reason": .string(how)])
    case .stopped: write(.info, .stopped)
    case .refused(let why): write(.warning, .connection, ["reason": .string(why)])
    }
  }
}
