// The decision of `check` and the shortcut to it.
//
// The shortcut: a token that was verified in full, under keys and a policy that are still the
// same, for a session and an account that nobody has touched since. "Nobody" is asked once per
// wake-up of the event loop, after the bytes of its requests are in: so a revocation that was
// committed before a request was sent is always seen. Only allowing is remembered.

package import Accounts
package import FastCGI
import Locking
package import Token
import Wire

/// Decides what may pass: 204, 401, 403, or 503 where it cannot decide; nothing else.
package final class Gate: Sendable {
  /// Allows by returning, denies by throwing.
  package typealias Decide = @Sendable (Call, VerifiedAccessToken) throws -> Caller

  private struct State: ~Copyable {
    var cache = DecisionCache()
    /// The input of a digest; kept, so that it is allocated once.
    var input: [UInt8] = []
    var keyRevision: UInt64 = 0
    var standing = Freshness.unasked
  }

  /// What keys and store said when they were asked last.
  private enum Freshness {
    case unasked
    case revocations(Int64)
    case unknown(reason: String)
  }

  private let settings: Settings
  private let keys: KeyStore
  private let store: any AccountStore
  private let log: Log
  private let decide: Decide
  private let state = Locked(State())
  package let confirmer: Confirmer

  package init(
    settings: Settings, keys: KeyStore, store: any AccountStore, log: Log,
    _ decide: @escaping Decide
  ) {
    self.settings = settings
    self.keys = keys
    self.store = store
    self.log = log
    self.decide = decide
    confirmer = Confirmer(store, log: log)
  }

  /// Asks keys and store whether anything changed: what follows is decided by the answer.
  package func renew() {
    state.withLock { renew(&$0) }
  }

  private func renew(_ state: inout State) {
    do {
      try keys.refresh()
      if state.keyRevision != keys.revision {
        state.cache.removeAll()
        state.keyRevision = keys.revision
      }
      #if MEASURE_WITHOUT_REVOCATION
        // For the benchmark alone: what asking costs is measured against a build that does not.
        state.standing = .revocations(0)
      #else
        state.standing = .revocations(try store.marks().revocations)
      #endif
    } catch let error as any Explained {
      state.standing = .unknown(reason: error.reason)
    } catch {
      state.standing = .unknown(reason: "\(type(of: error))")
    }
  }

  /// Answers one request; it never fails.
  package func respond(to request: Request, at time: NumericDate) -> Response {
    state.withLock { state in
      // As CGI there is no loop that asks, and nobody who would come back for the write.
      guard case .unasked = state.standing else { return respond(to: request, at: time, &state) }
      renew(&state)
      defer {
        state.standing = .unasked
        confirmer.flush()
      }
      return respond(to: request, at: time, &state)
    }
  }

  private func respond(
    to request: Request, at time: NumericDate, _ state: inout State
  ) -> Response {
    let revocations: Int64
    switch state.standing {
    case .revocations(let counter): revocations = counter
    case .unknown(let reason):
      log.write(.error, .unavailable, ["reason": .string(reason)])
      return .undecided
    case .unasked: return .undecided
    }
    let digest = digest(of: request, &state)
    let known = digest.flatMap { state.cache.find($0) }.flatMap { $0.holds(at: time) ? $0 : nil }
    if let known, known.revocations == revocations { return known.response }

    do {
      let call = try Call(request, settings: settings, log: log, at: time)
      do {
        let token = try known?.token ?? call.accessToken(keys)
        let caller = try decide(call, token)
        if caller.session.confirming(generation: token.claims.generation) != nil {
          confirmer.note(caller.session.id, token.claims.generation)
        }
        let response = Response.allowing(caller)
        if let digest {
          state.cache.insert(
            Decision(
              digest: digest, token: token, response: response, revocations: revocations,
              from: token.claims.issuedAt + -call.settings.leeway.components.seconds,
              until: min(
                token.claims.expires + call.settings.leeway, caller.session.expiresAt)),
            at: time)
        }
        return response
      } catch let refusal as Refusal where refusal.status == 401 || refusal.status == 403 {
        return .denying(refusal, call)
      }
    } catch let error as SettingError {
      log.write(.error, .failed, ["reason": .string(error.line)])
    } catch let error as any Explained {
      log.write(.error, .unavailable, ["reason": .string(error.reason)])
    } catch {
      log.write(.error, .failed, ["reason": .string("\(type(of: error))")])
    }
    return .undecided
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
    request.parameters.forEach { name, value in
      guard name.starts(with: "TALLYSTICK_".utf8) || name.elementsEqual("AUTH_REQUIRE".utf8) else {
        return
      }
      for part in [name, value] {
        // No byte of a token is 0xff, so what follows cannot be taken for a longer token.
        state.input.append(0xff)
        unsafe withUnsafeBytes(of: UInt32(truncatingIfNeeded: part.count)) { length in
          unsafe state.input.append(contentsOf: length)
        }
        state.input += part
      }
    }
    return Digest256(of: state.input)
  }
}

extension Response {
  /// It cannot be decided: nginx makes a 500 of it, which lets nothing through.
  fileprivate static let undecided = Response(
    status: 503, headers: [("Cache-Control", "no-store")]
  ).preparedOnce()

  fileprivate static func allowing(_ caller: Caller) -> Response {
    Response(
      status: 204,
      headers: [
        ("Cache-Control", "no-store"), ("X-Auth-User", caller.account.username.text),
        ("X-Auth-Subject", caller.account.id.text),
        ("X-Auth-Session", caller.session.id.text),
        ("X-Auth-Groups", caller.account.groups.map(\.text).joined(separator: ",")),
      ]
    ).preparedOnce()
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
