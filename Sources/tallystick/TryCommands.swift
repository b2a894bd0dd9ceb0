import Accounts
import Configuration
import Doctor
import Launch
import Logging
import Nginx
import Stores
import System
import Token
import Wire

let tryCommands = [
  Command(
    path: ["try"], arguments: ["NAME", "URL"],
    summary: "ask a URL in the name of an account, and say what it is answered and why",
    state: .none
  ) { arguments in
    let name = arguments.positional[0]
    let url = arguments.positional[1]
    guard let (origin, path) = parts(of: url) else {
      throw Refused(status: 100, line: "\(url) is no https address")
    }
    let configuration = try readConfiguration(nil)
    let issued = try Child.capture("/proc/self/exe", ["token", "issue", name])
    guard issued.status == 0 else {
      throw Refused(line: lastLine(issued.errors, without: "tallystick: "))
    }
    let token = lastLine(issued.output, without: "")
    defer { if let session = session(of: token) { end(session) } }
    let closed = try HTTPClient.ask(url)
    let open = try HTTPClient.ask(url, token: token)
    printLine("\(name) is answered with \(open.status), and a stranger with \(closed.status)")
    for line in reasons(whereabouts(of: path, at: origin, in: configuration), name, open.status) {
      printLine("  " + line)
    }
  }
]

/// The origin and the path of an address.
private func parts(of url: String) -> (Origin, String)? {
  let bytes = Array(url.utf8)
  let scheme = "https://".utf8.count
  guard bytes.count > scheme else { return nil }
  let end = bytes[scheme...].firstIndex { "/?#".utf8.contains($0) } ?? bytes.endIndex
  guard let origin = Origin(String(decoding: bytes[..<end], as: UTF8.self)) else { return nil }
  let path = bytes[end...].prefix { !"?#".utf8.contains($0) }
  return (origin, path.isEmpty ? "/" : String(decoding: path, as: UTF8.self))
}

private func reasons(_ place: Whereabouts?, _ name: String, _ status: Int) -> [String] {
  guard let place else { return ["no server of this nginx has the address's name and port"] }
  let directive = place.directive
  var lines = ["\(directive.file):\(directive.line): \(directive.text)"]
  guard place.isGuarded else { return lines + ["it is not guarded: the token makes no difference"] }
  lines.append(place.requirement?.inWords ?? "`check` does not understand what is required")
  switch status {
  case 401: lines.append("the token does not count there: compare the audience and the issuer")
  case 403: lines.append("\(name) is none of these: tallystick account show \(name)")
  case 500...: lines.append("`check` cannot be asked or cannot decide: tallystick doctor")
  default: break
  }
  return lines
}

private func session(of token: String) -> String? {
  let parts = token.split(separator: ".")
  guard parts.count == 3, let bytes = Base64URL.decode(Array(parts[1].utf8)[...]),
    case .object(let claims) = try? JSON.parse(bytes), case .string(let session)? = claims["sid"]
  else { return nil }
  return session
}

private func end(_ session: String) {
  _ = try? Child.capture("/proc/self/exe", ["session", "end", session])
}

private func lastLine(_ output: [UInt8], without prefix: String) -> String {
  let line =
    String(decoding: output, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? ""
  return line.utf8.starts(with: prefix.utf8) ? String(line.dropFirst(prefix.count)) : line
}

extension Requirement {
  /// Whom it admits, as a line.
  fileprivate var inWords: String {
    guard !alternatives.isEmpty else { return "any account may see it" }
    return "it is for "
      + alternatives.map { conditions in
        conditions.map { condition in
          switch condition {
          case .group(let group): "the group \(group)"
          case .account(let username): "the account \(username)"
          }
        }.joined(separator: " and ")
      }.joined(separator: ", or for ")
  }
}
