// What `check` does around its decision. nginx takes any 2xx for a yes and only 401 and 403 for
// a no, so there is one way to say yes, and whatever is not foreseen says 503: nginx makes that
// a 500 for the client, which lets nothing through and signs nobody out.

package import Accounts
package import FastCGI
package import Token
import Wire

/// What `check` decided.
package enum CheckAnswer: Sendable {
  case allowed(Caller)
}

/// Serves `auth_request` until it is told to stop: as FastCGI, or once as CGI.
///
/// - Parameters:
///   - settings: The program's settings.
///   - keys: The keys, read again before a request if the directory has changed.
///   - decide: Allows by returning, denies by throwing.
package func serveCheck(
  settings: Settings, keys: KeyStore, _ decide: @escaping @Sendable (Call) throws -> CheckAnswer
) -> Never {
  let log = Log(program: programName(), level: settings.logLevel)
  let gate = Gate(settings: settings, log: log) { call in
    try keys.refresh()
    return try decide(call)
  }
  FastCGI.serve(
    ServeOptions(
      program: log.program, threads: 80, maximumBody: 0, kind: .threads,
      log: { event in log.write(event) }),
    arguments: CommandLine.arguments
  ) { request in gate.respond(to: request, at: Clock.now()) }
}

/// The decision of `check`, as an answer for nginx.
package struct Gate: Sendable {
  let settings: Settings
  let log: Log
  let decide: @Sendable (Call) throws -> CheckAnswer

  package init(
    settings: Settings, log: Log, decide: @escaping @Sendable (Call) throws -> CheckAnswer
  ) {
    self.settings = settings
    self.log = log
    self.decide = decide
  }

  /// Answers 204, 401, 403 or 503, and nothing else.
  package func respond(to request: Request, at time: NumericDate) -> Response {
    do {
      let call = try Call(request, settings: settings, log: log, at: time)
      do {
        switch try decide(call) {
        case .allowed(let caller): return Gate.allowing(caller)
        }
      } catch let refusal as Refusal where refusal.status == 401 || refusal.status == 403 {
        return Gate.denying(refusal, call)
      }
    } catch let error as SettingError {
      log.write(.error, .failed, ["reason": .string(error.line)])
    } catch let error as any Explained {
      log.write(.error, .unavailable, ["reason": .string(error.reason)])
    } catch {
      log.write(.error, .failed, ["reason": .string("\(type(of: error))")])
    }
    return Response(status: 503, headers: [("Cache-Control", "no-store")], body: [])
  }

  private static func allowing(_ caller: Caller) -> Response {
    Response(
      status: 204,
      headers: [
        ("Cache-Control", "no-store"), ("X-Auth-User", caller.account.username.text),
        ("X-Auth-Subject", caller.account.id.text),
        ("X-Auth-Session", caller.session.id.text),
        ("X-Auth-Groups", caller.account.groups.map(\.text).joined(separator: ",")),
      ], body: [])
  }

  private static func denying(_ refusal: Refusal, _ call: Call) -> Response {
    let names = refusal.status == 403 || call.sentToken
    return Response(
      status: refusal.status,
      headers: [
        ("Cache-Control", "no-store"),
        ("WWW-Authenticate", challenge(realm: call.realm, error: names ? refusal.code : nil)),
      ], body: [])
  }
}

extension Call {
  /// Holds an account to the groups that the guarded location names: it must be in one of them.
  ///
  /// - Throws: `insufficient_scope`; `SettingError` where nginx passes no list of groups.
  package func require(_ account: Account) throws {
    let variable = "AUTH_REQUIRE"
    switch request.parameters.value("AUTH_REQUIRE") {
    case .absent:
      return
    case .repeated:
      throw SettingError(variable: variable, value: "", allowed: "named once")
    case .single(let bytes):
      let text = String(validating: bytes, as: UTF8.self)
      guard let groups = text.flatMap({ Group.list($0) }) else {
        throw SettingError(
          variable: variable, value: text ?? "", allowed: "names of groups separated by commas")
      }
      guard groups.isEmpty || groups.contains(where: account.groups.contains) else {
        note(.groupRefused, account: account.id)
        throw Refusal.insufficientScope
      }
    }
  }
}
