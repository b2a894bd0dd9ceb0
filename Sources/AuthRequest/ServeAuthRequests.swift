// What `check` does around its decision. nginx takes any 2xx for a yes and only 401 and 403 for
// a no, so there is one way to say yes, and whatever is not foreseen says 503: nginx makes that
// a 500 for the client, which lets nothing through and signs nobody out.

package import Accounts
package import Configuration
import FastCGI
import Launch
import Logging
package import Routes
package import Token

/// Serves `auth_request` until it is told to stop: as FastCGI, or once as CGI.
///
/// - Parameters:
///   - settings: The program's settings.
///   - keys: The keys, read again when the directory has changed.
///   - store: Where sessions and accounts stand.
///   - decide: What a verified token is held to: it allows by returning, denies by throwing.
package func serveAuthRequests(
  settings: Settings, keys: KeyStore, store: any AccountStore,
  _ decide: @escaping AuthRequestResponder.Decide
) -> Never {
  let log = Log(program: programName(), level: settings.logLevel)
  let isGateway = isGateway(arguments: CommandLine.arguments)
  let responder = AuthRequestResponder(
    settings: settings, keys: keys, store: store, log: log, remembers: !isGateway, decide)
  if !isGateway { responder.prepare() }
  FastCGI.serve(
    ServeOptions(
      program: log.program, maximumBody: 0, kind: .events, excessStatus: 503,
      log: { event in
        if case .stopped = event { responder.lateWriter.flush() }
        log.write(event)
      }),
    arguments: CommandLine.arguments,
    together: { requests in
      // As CGI nobody comes back for what is left to be written.
      defer { if isGateway { responder.lateWriter.flush() } }
      return responder.respond(to: requests, at: Clock.now())
    })
}

extension Call {
  /// Holds an account to what the guarded location requires: groups, or single accounts.
  ///
  /// - Throws: `insufficient_scope`; `SettingError` where nginx passes no requirement.
  package func require(_ account: Account) throws {
    let variable = "AUTH_REQUIRE"
    switch request.parameters.value("AUTH_REQUIRE") {
    case .absent:
      return
    case .repeated:
      throw SettingError(variable: variable, value: "", allowed: "named once")
    case .single(let bytes):
      let text = String(validating: bytes, as: UTF8.self)
      guard let requirement = text.flatMap({ Requirement($0) }) else {
        throw SettingError(
          variable: variable, value: text ?? "",
          allowed: "names of groups, or user: and a username; commas between alternatives, slashes "
            + "between what must hold together")
      }
      guard requirement.admits(account) else {
        noteLimited(
          .groupRefused, account: account.id, reason: "AUTH_REQUIRE does not admit the account")
        throw Refusal.insufficientScope
      }
    }
  }
}
