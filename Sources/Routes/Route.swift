// What every route does before and after its own work: method, origin, media type and body in,
// one answer out. Whatever goes wrong in between becomes an answer of the contract, and a line
// in the log.

import Accounts
import Configuration
import FastCGI
import Logging
import Wire

/// A method that some route allows.
package enum Method: String, Sendable {
  case get = "GET"
  case post = "POST"
  case delete = "DELETE"

  /// Whether a request with it changes state, and so may not come from another site.
  var changesState: Bool { self != .get }
}

/// A route: what it allows of a request, and what becomes of its answer.
struct Route: Sendable {
  let methods: [Method]
  let body: BodyRule
  let settings: Settings
  let log: Log

  /// A request that may be worked on, and where it came from.
  struct AcceptedRequest: Sendable {
    let call: Call
    let provenance: Provenance
  }

  /// How far the first half of a request has come.
  enum Progress<Work: Sendable>: Sendable {
    case open(AcceptedRequest, Work)
    /// It was refused, or answered without the route's own work.
    case ended(Response)
  }

  /// Accepts a request and begins its work; it never fails.
  func begin<Work>(
    _ request: Request, at time: NumericDate, _ work: (Call) throws -> Work
  ) -> Progress<Work> {
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
    let accepted = AcceptedRequest(call: call, provenance: provenance)
    if let preflight = preflight(call, from: provenance) {
      return .ended(withCORS(preflight, accepted))
    }
    do {
      try check(call, from: provenance)
      return .open(accepted, try work(call))
    } catch {
      return .ended(withCORS(refused(error, call), accepted))
    }
  }

  /// The answer to a request that was accepted; it never fails.
  func end(_ accepted: AcceptedRequest, _ work: (Call) throws -> Answer) -> Response {
    do {
      return withCORS(Response(try work(accepted.call), call: accepted.call), accepted)
    } catch {
      return withCORS(refused(error, accepted.call), accepted)
    }
  }

  private func withCORS(_ response: Response, _ accepted: AcceptedRequest) -> Response {
    var response = response
    response.headers += corsHeaders(for: accepted.provenance, settings: accepted.call.settings)
    return response
  }

  /// What is answered to an error.
  private func refused(_ error: any Error, _ call: Call) -> Response {
    switch error {
    case let refusal as Refusal:
      let allow =
        refusal == .methodNotAllowed ? methods.map(\.rawValue).joined(separator: ", ") : nil
      return Response(refusal, realm: call.realm, tokenSent: call.sentToken, allow: allow)
    case let error as any LoggableError:
      // A store, a key or a hash that fails for now: nothing was done, the client may try again.
      call.note(.unavailable, .error, reason: error.reason)
      return Response(.temporarilyUnavailable, realm: call.realm, tokenSent: false)
    default:
      call.note(.failed, .error, reason: "\(type(of: error))")
      return Response(.internalError, realm: call.realm, tokenSent: false)
    }
  }

  /// Holds a request to what must hold before the route's own work begins.
  private func check(_ call: Call, from provenance: Provenance) throws(Refusal) {
    if let name = call.repeatedParameter {
      throw .invalidRequest("The parameter \(name) stands twice.")
    }
    guard case .single(let name) = call.request.parameters.value("REQUEST_METHOD") else {
      throw .invalidRequest("The request has no method.")
    }
    guard let method = methods.first(where: { name.elementsEqual($0.rawValue.utf8) }) else {
      throw .methodNotAllowed
    }
    if method.changesState, provenance == .foreign {
      call.noteLimited(.crossSite, reason: "the request came from another site")
      throw .crossSite
    }
    if body == .json, method == .post { try call.requireJSON() }
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
