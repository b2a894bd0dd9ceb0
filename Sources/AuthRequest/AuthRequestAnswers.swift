// What `check` answers to nginx.

import Accounts
import FastCGI
import Gate
import Routes

extension EncodedResponse {
  /// It cannot be decided: nginx makes a 500 of it, which lets nothing through.
  static let undecided = Response(
    status: 503, headers: [("Cache-Control", "no-store")]
  ).encoded()
}

extension Response {
  static func allowing(_ permit: Permit) -> Response {
    Response(
      status: 204,
      headers: [
        ("Cache-Control", "no-store"), ("X-Auth-User", permit.account.username.text),
        ("X-Auth-Subject", permit.account.id.text),
        ("X-Auth-Session", permit.identifier),
        ("X-Auth-Groups", permit.account.groups.map(\.text).joined(separator: ",")),
      ])
  }

  /// A denial with its challenge.
  ///
  /// Where device tokens are let in, a program is told that it may send a password. A browser is not:
  /// it would ask its visitor for one, keep it, and send it along with every request.
  ///
  /// - Parameters:
  ///   - refusal: Why it denies.
  ///   - call: The request.
  ///   - names: Whether the challenge names the error (RFC 6750 §3.1).
  /// - Returns: The answer.
  static func denying(_ refusal: Refusal, _ call: Call, names: Bool) -> Response {
    var challenge = challenge(realm: call.realm, error: names ? refusal.code : nil)
    let parameters = call.request.parameters
    if refusal.status == 401, parameters.allowsDevices, !parameters.isFromBrowser {
      // In one line, because nginx before 1.23 passes one on.
      challenge += ", Basic realm=\"\(call.realm)\", charset=\"UTF-8\""
    }
    return Response(
      status: refusal.status,
      headers: [("Cache-Control", "no-store"), ("WWW-Authenticate", challenge)])
  }
}
