// Trying it out: an account that exists for seconds signs in and asks every guarded location, over
// the network as a client does.

import Accounts
import Configuration
import Doctor
import Glibc
import Launch
import Nginx
import System
import Token
import Wire

/// Requests by curl.
///
/// What is secret goes to its standard input: arguments show in the list of processes.
enum HTTPClient {
  struct Answer {
    let status: Int
    let body: [UInt8]
  }

  /// Asks once, without following a redirect.
  ///
  /// - Throws: `Refused` with what curl said: no connection, a certificate that does not count.
  static func ask(
    _ url: String, token: String? = nil, json: String? = nil
  ) throws(Refused) -> Answer {
    var lines = [
      "silent", "show-error", "max-time = 20", "url = \(quotedForCurl(url))",
      "write-out = \"\\n%{http_code}\"",
    ]
    if let token { lines.append("header = \(quotedForCurl("Authorization: Bearer \(token)"))") }
    if let json {
      lines.append("header = \"Content-Type: application/json\"")
      lines.append("data = \(quotedForCurl(json))")
    }
    let done = try Child.capture(
      "curl", ["--config", "-"], input: Array((lines.joined(separator: "\n") + "\n").utf8))
    guard done.status == 0, let end = done.output.lastIndex(of: 0x0a),
      let status = Int(String(decoding: done.output[(end + 1)...], as: UTF8.self))
    else {
      let said = String(decoding: done.errors, as: UTF8.self).split(separator: "\n").first ?? ""
      throw Refused(line: "\(url): \(said)")
    }
    return Answer(status: status, body: Array(done.output[..<end]))
  }

  /// Asks up to three times, until the answer is no failure of a server: a program that has just been
  /// installed or restarted may need longer for its first request than nginx waits.
  static func askPatiently(_ url: String, token: String? = nil) throws(Refused) -> Answer {
    for _ in 1...2 {
      let answer = try ask(url, token: token)
      guard answer.status >= 500 else { return answer }
      sleep(2)
    }
    return try ask(url, token: token)
  }

  private static func quotedForCurl(_ text: String) -> String {
    "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
  }
}

/// What is wrong with the answers that a client gets.
func liveFindings(
  _ configuration: Nginx.Configuration, _ settings: Settings
) throws -> [Finding] {
  let issuer = settings.issuer.text
  let name =
    "doctor-" + String(try Random.bytes(8).reduce(into: "") { $0 += String($1, radix: 36) })
  let password = Base64URL.encode(try Random.bytes(24))
  let groups = Set(guardedPlaces(configuration).flatMap(\.groups)).sorted()
  let added = try Child.capture(
    "/proc/self/exe",
    ["account", "add", name] + (groups.isEmpty ? [] : ["--groups", groups.joined(separator: ",")]),
    input: Array((password + "\n").utf8))
  guard added.status == 0 else {
    let said = String(decoding: added.errors, as: UTF8.self).split(separator: "\n").last ?? ""
    return [Finding("account", problem: String(said), remedy: "tallystick config check")]
  }
  defer { _ = try? Child.capture("/proc/self/exe", ["account", "delete", name]) }
  let answer: HTTPClient.Answer
  do throws(Refused) {
    answer = try HTTPClient.ask(
      issuer + "/auth/login", json: "{\"username\":\"\(name)\",\"password\":\"\(password)\"}")
  } catch {
    return [
      Finding(
        "connection", problem: "the issuer cannot be asked: \(error.line)",
        remedy: "its name, its certificate, and nginx on port \(settings.issuer.port)")
    ]
  }
  guard answer.status == 200, let token = accessToken(in: answer.body) else {
    return [
      Finding(
        "login", problem: "signing in at \(issuer)/auth/login is answered with \(answer.status)",
        remedy: "journalctl -u tallystick-login; the error log of nginx")
    ]
  }
  return try unhealthy(settings) + guardedPlaces(configuration).flatMap { tried($0, token) }
}

/// Whether the programs that only verify reach the store and the keys: health is one of them.
private func unhealthy(_ settings: Settings) throws(Refused) -> [Finding] {
  let answer = try HTTPClient.askPatiently(settings.issuer.text + "/auth/health")
  guard answer.status != 204 else { return [] }
  return [
    Finding(
      "health",
      problem: "/auth/health is answered with \(answer.status): who verifies reaches the "
        + "store or the keys no more",
      remedy: "systemctl restart tallystick-state.service; journalctl -u tallystick-health")
  ]
}

private func accessToken(in body: [UInt8]) -> String? {
  guard case .object(let object) = try? JSON.parse(body),
    case .string(let token)? = object["access_token"]
  else { return nil }
  return token
}

/// A guarded location as a client reaches it.
struct GuardedPlace {
  let directive: Directive
  let url: String
  /// The groups of an account that may see it; nil where only certain accounts may.
  let admitted: [String]?

  var groups: [String] { admitted ?? [] }
}

/// The guarded locations that have a path of their own, in servers with a name of their own.
func guardedPlaces(_ configuration: Nginx.Configuration) -> [GuardedPlace] {
  (configuration.http?.servers ?? []).flatMap { server -> [GuardedPlace] in
    let names = server.own.filter { $0.name == "server_name" }.flatMap(\.arguments)
    let listens = server.own.filter { $0.name == "listen" && $0.arguments.contains("ssl") }
    guard let listen = listens.first?.value, let name = names.first(where: isHostName) else {
      return []
    }
    let port = listen.split(separator: ":").last.flatMap { Int($0) } ?? 443
    let origin = "https://\(name)\(port == 443 ? "" : ":\(port)")"
    return server.locations.compactMap { location in
      guard let question = location.question else { return nil }
      let path: String
      switch location.match {
      case .exact(let text), .prefix(let text, _): path = text
      default: return nil
      }
      return GuardedPlace(
        directive: location.directive, url: origin + path,
        admitted: question.requirement?.groupsOfOneAdmitted)
    }
  }
}

extension Requirement {
  /// The groups of an account that it admits whatever its name is; nil where only certain accounts
  /// are admitted.
  fileprivate var groupsOfOneAdmitted: [String]? {
    guard !alternatives.isEmpty else { return [] }
    for conditions in alternatives {
      let groups = conditions.compactMap { condition in
        if case .group(let group) = condition { group.text } else { nil }
      }
      if groups.count == conditions.count { return groups }
    }
    return nil
  }
}

private func isHostName(_ name: String) -> Bool {
  guard let first = name.utf8.first else { return false }
  return name != "_" && first != UInt8(ascii: ".")
    && !name.utf8.contains { "*~^".utf8.contains($0) }
}

private let unanswered = "journalctl -u tallystick-check; the error log of nginx"

private func tried(_ place: GuardedPlace, _ token: String) -> [Finding] {
  func finding(_ problem: String, _ remedy: String) -> Finding {
    Finding(
      "tried", file: place.directive.file, line: place.directive.line,
      problem: "\(place.url) \(problem)", remedy: remedy)
  }
  do throws(Refused) {
    let closed = try HTTPClient.askPatiently(place.url)
    guard closed.status < 500 else {
      return [finding("is answered with \(closed.status)", unanswered)]
    }
    guard [401, 403, 302].contains(closed.status) else {
      return [
        finding(
          "is answered with \(closed.status) without a token", "guard it; see the lines above")
      ]
    }
    // The account of the doctor is none of those that are named.
    guard place.admitted != nil else { return [] }
    let open = try HTTPClient.askPatiently(place.url, token: token)
    guard ![401, 403, 500, 502, 503, 504].contains(open.status) else {
      return [finding("is answered with \(open.status) for an account that may see it", unanswered)]
    }
    return []
  } catch {
    return [finding("cannot be asked: \(error.line)", "its name, its certificate, its port")]
  }
}
