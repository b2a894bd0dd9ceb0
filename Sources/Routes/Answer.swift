package import Accounts
package import FastCGI
package import Wire

/// What a route answers when it succeeds.
package enum Answer: Sendable {
  /// RFC 6749 §5.1, and the refresh token in a cookie unless it stays as it is.
  case tokens(TokensAnswer, created: Bool = false)
  case json(JSON, created: Bool = false)
  /// A public document that may be cached: bytes, media type, seconds.
  case document([UInt8], type: String, maximumAge: Int)
  /// 204; with the session's cookies cleared or not.
  case done(clearingCookies: Bool = false)
  /// A refusal that deletes cookies which a sibling host planted, and never ours.
  case refused(Refusal, clearingPlanted: [String])

  /// An object with one member, which is an array.
  package static func list(_ name: String, _ items: [JSON]) -> Answer {
    .json(.object(JSONObject([(name, .array(items))])))
  }
}

/// An access token, whose it is, and the `Set-Cookie` values that go with it.
package struct TokensAnswer: Sendable {
  package let accessToken: String
  /// Seconds.
  package let expiresIn: Int64
  package let account: Account
  /// Those of the session that the client lacks, after those that delete planted ones.
  package var cookies: [String]

  package init(accessToken: String, expiresIn: Int64, account: Account, cookies: [String]) {
    self.accessToken = accessToken
    self.expiresIn = expiresIn
    self.account = account
    self.cookies = cookies
  }
}

/// The headers of every answer that is not a cacheable document (T156).
///
/// `Strict-Transport-Security` is nginx's: it knows whether there is TLS.
package let commonHeaders: [(name: String, value: String)] = [
  ("Cache-Control", "no-store"),
  ("X-Content-Type-Options", "nosniff"),
  ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
  ("Referrer-Policy", "no-referrer"),
  ("Cross-Origin-Resource-Policy", "same-origin"),
]

extension Response {
  /// The answer on the wire.
  init(_ answer: Answer, call: Call) {
    switch answer {
    case .tokens(let tokens, let created):
      self = .json(
        [
          ("access_token", .string(tokens.accessToken)), ("token_type", .string("Bearer")),
          ("expires_in", .integer(tokens.expiresIn)),
          ("user", tokens.account.asUser),
        ], status: created ? 201 : 200)
      headers += tokens.cookies.map { ("Set-Cookie", $0) }
    case .json(let value, let created):
      self.init(
        status: created ? 201 : 200,
        headers: commonHeaders + [("Content-Type", "application/json; charset=utf-8")],
        body: value.encode())
    case .document(let bytes, let type, let maximumAge):
      self.init(
        status: 200,
        headers: commonHeaders.dropFirst() + [
          ("Cache-Control", "public, max-age=\(maximumAge)"), ("Content-Type", type),
        ], body: bytes)
    case .done(let clearingCookies):
      self.init(status: 204, headers: commonHeaders, body: [])
      if clearingCookies {
        headers += [
          ("Set-Cookie", RefreshCookie.clearing(path: call.cookiePath)),
          ("Set-Cookie", BindingCookie.clearing),
        ]
      }
    case .refused(let refusal, let cookies):
      self.init(refusal, realm: call.realm, tokenSent: call.sentToken)
      headers += cookies.map { ("Set-Cookie", $0) }
    }
  }

  /// A refusal on the wire: the contract's error object, and what its status asks for.
  ///
  /// Every 401 carries a challenge (RFC 9110 §15.5.2); it names the error only where a token was
  /// sent (RFC 6750 §3.1).
  package init(_ refusal: Refusal, realm: String, tokenSent: Bool, allow: String? = nil) {
    self = .json(
      [
        ("error", .string(refusal.code)), ("error_description", .string(refusal.explanation)),
      ], status: refusal.status)
    if refusal.status == 401 || refusal == .insufficientScope {
      let names = refusal == .insufficientScope || (refusal == .invalidToken && tokenSent)
      headers.append(
        ("WWW-Authenticate", challenge(realm: realm, error: names ? refusal.code : nil)))
    }
    if let allow { headers.append(("Allow", allow)) }
    if let seconds = refusal.retryAfter { headers.append(("Retry-After", "\(seconds)")) }
  }

  private static func json(_ members: [(String, JSON)], status: Int) -> Response {
    Response(
      status: status,
      headers: commonHeaders + [("Content-Type", "application/json; charset=utf-8")],
      body: JSON.object(JSONObject(members)).encode())
  }
}

/// The value of `WWW-Authenticate`.
///
/// RFC 6750 §3.
package func challenge(realm: String, error: String?) -> String {
  "Bearer realm=\"\(realm)\"" + (error.map { ", error=\"\($0)\"" } ?? "")
}

extension Account {
  /// The `user` member of a tokens answer.
  package var asUser: JSON {
    .object(
      JSONObject([
        ("id", .string(id.text)), ("username", .string(username.text)),
        ("groups", .array(groups.map { .string($0.text) })),
      ]))
  }
}
