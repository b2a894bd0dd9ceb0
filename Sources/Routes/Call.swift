package import Accounts
package import Authentication
package import Configuration
package import FastCGI
package import Logging
import Wire

/// One request to a route, with the settings and the time that hold for it.
///
/// A class, so that handing it on costs one count and not one for each text in it.
package final class Call: Sendable {
  package let request: Request
  package let settings: Settings
  package let time: NumericDate
  package let log: Log
  /// Where the refresh cookie lives.
  package let cookiePath: String
  /// The site that nginx names, whose gate cookie counts; nil where nginx names none.
  package let site: Origin?

  /// Parameters that only nginx sets and that must not stand twice.
  ///
  /// Which of the two an answer rests on must not be left to chance. Two addresses would count as
  /// none, and one attacker could then ban everybody else.
  private static let single: [StaticString] = [
    "REMOTE_ADDR", "REFRESH_COOKIE_PATH", "SCRIPT_NAME", "PATH_INFO", "REQUEST_URI", "REQUEST_ID",
  ]

  /// Reads what every route needs.
  ///
  /// - Throws: `SettingError` if a parameter that only nginx sets is wrong.
  package init(
    _ request: Request, settings: Settings, log: Log, at time: NumericDate
  ) throws(SettingError) {
    self.request = request
    let overrides = request.parameters.beginning(with: "TALLYSTICK_")
    self.settings = overrides.isEmpty ? settings : try settings.overridden(by: overrides)
    self.time = time
    self.log = log.at(self.settings.logLevel)

    cookiePath = request.text("REFRESH_COOKIE_PATH") ?? "/auth/refresh"
    site = try Call.site(overrides)
    guard RefreshCookie.isPath(cookiePath) else {
      throw SettingError(
        variable: "REFRESH_COOKIE_PATH", value: cookiePath, allowed: "the path of the route")
    }
  }

  private static func site(
    _ parameters: [(name: String, value: String)]
  ) throws(SettingError) -> Origin? {
    let variable = "TALLYSTICK_SITE"
    guard let text = parameters.first(where: { $0.name == variable })?.value, !text.isEmpty else {
      return nil
    }
    guard let site = Origin(text) else {
      throw SettingError(
        variable: variable, value: text, allowed: "an https origin such as https://app.example.org")
    }
    return site
  }

  /// The parameter of nginx that stands twice in this request, if one does.
  package var repeatedParameter: StaticString? {
    Call.single.first { request.parameters.value($0) == .repeated }
  }

  // Read when they are asked for: most requests of `check` never do.

  /// The client's address as nginx saw it.
  package var address: String { request.text("REMOTE_ADDR") ?? "" }

  /// The part of the address that counts as one client.
  package var network: Network { Network(address: address) }

  /// The client as a session remembers it.
  package var client: Client { Client(address: address, userAgent: userAgent) }

  /// What ties the log lines of nginx and of the programs together.
  package var requestID: String {
    request.text("REQUEST_ID").map { String($0.prefix(64)) } ?? ""
  }

  /// The realm of a challenge.
  package var realm: String { settings.issuer.text }

  /// Whether the client sent an access token, good or bad.
  package var sentToken: Bool {
    switch request.parameters.value("HTTP_AUTHORIZATION") {
    case .repeated: return true
    case .single(let header):
      if case .none = Authorization.bearer(header) { break }
      return true
    case .absent: break
    }
    return false
  }

  /// Whether the request only reads.
  package var isRead: Bool { request.text("REQUEST_METHOD") == Method.get.rawValue }

  /// Whether the request deletes.
  package var isDeletion: Bool { request.text("REQUEST_METHOD") == Method.delete.rawValue }

  /// What follows the route's own path, without the slash; empty where nothing does.
  ///
  /// RFC 3875 §4.1.5; from the request's own path where the gateway gives no `PATH_INFO`.
  package var pathInfo: String {
    if let info = request.text("PATH_INFO") {
      return String(info.drop(while: { $0 == "/" }))
    }
    let path = (request.text("REQUEST_URI") ?? "").prefix { $0 != "?" }
    let script = request.text("SCRIPT_NAME") ?? ""
    guard !script.isEmpty, path.utf8.starts(with: (script + "/").utf8) else { return "" }
    return String(path.dropFirst(script.count + 1))
  }

  /// The User-Agent, printable and at most 256 characters.
  private var userAgent: String {
    let text = request.text("HTTP_USER_AGENT") ?? ""
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(256).filter { $0.value >= 0x20 && $0.value != 0x7f }))
  }
}

extension Call {
  /// Writes a log line about this request.
  package func note(
    _ event: LogEvent, _ level: LogLevel = .info, account: AccountID? = nil,
    session: SessionID? = nil, username: Username? = nil, reason: String? = nil
  ) {
    log.write(
      level, event,
      [
        "account": account.map { .string($0.text) },
        "username": username.map { .string($0.text) },
        "session": session.map { .string($0.prefix) },
        "reason": reason.map { .string($0) },
        "client": .string(address), "request": requestID.isEmpty ? nil : .string(requestID),
      ])
  }

  /// Writes a log line about something that a stranger can cause at any rate: one line a second
  /// and network, with a count of the rest.
  package func noteLimited(
    _ event: LogEvent, _ level: LogLevel = .info, account: AccountID? = nil,
    session: SessionID? = nil, reason: String
  ) {
    log.writeLimited(
      level, event, network: network.text,
      [
        "account": account.map { .string($0.text) },
        "session": session.map { .string($0.prefix) }, "reason": .string(reason),
        "client": .string(address), "request": requestID.isEmpty ? nil : .string(requestID),
      ])
  }
}

extension Request {
  /// A parameter that is there once and is valid UTF-8.
  package func text(_ name: StaticString) -> String? {
    guard case .single(let bytes) = parameters.value(name) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
