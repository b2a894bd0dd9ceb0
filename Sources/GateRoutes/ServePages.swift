import Accounts
package import Configuration
package import FastCGI
import Launch
import Logging
package import Routes
package import Token
import Wire

/// Serves a route that answers with redirections and pages, until it is told to stop: as FastCGI,
/// or once as CGI.
///
/// - Parameters:
///   - settings: The program's settings.
///   - keys: The keys, read again before a request if the directory has changed; nil for a program
///     that needs none.
///   - handler: The route's own work.
package func servePages(
  settings: Settings, keys: KeyStore? = nil,
  _ handler: @escaping @Sendable (Call) throws -> Response
) -> Never {
  if let keys, !isGateway(arguments: CommandLine.arguments) { orExit(try keys.prove()) }
  let log = Log(program: programName(), level: settings.logLevel)
  FastCGI.serve(
    ServeOptions(
      program: log.program, threads: 8, maximumBody: 0, skipsInput: true, kind: .threads,
      log: { event in log.write(event) }),
    arguments: CommandLine.arguments
  ) { request in
    do {
      let call = try Call(request, settings: settings, log: log, at: Clock.now())
      guard call.repeatedParameter == nil,
        case .single = request.parameters.value("REQUEST_METHOD")
      else {
        throw Refusal.invalidRequest("The request has no method, or a parameter stands twice.")
      }
      try keys?.refresh()
      return try handler(call)
    } catch let error as SettingError {
      log.write(.error, .failed, ["reason": .string(error.line)])
    } catch let refusal as Refusal {
      return Response(
        refusal, realm: settings.issuer.text, tokenSent: false,
        allow: refusal == .methodNotAllowed ? "GET" : nil)
    } catch let error as any LoggableError {
      log.write(.error, .unavailable, ["reason": .string(error.reason)])
    } catch {
      log.write(.error, .failed, ["reason": .string("\(type(of: error))")])
    }
    return Response(Page.unavailable(returningTo: ""))
  }
}
