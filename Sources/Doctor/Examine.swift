package import Configuration
package import Nginx

/// Examines a configuration of nginx against the settings of the programs.
///
/// - Parameters:
///   - configuration: All of nginx's files.
///   - settings: The programs' settings.
///   - shipped: The text of each snippet as this version ships it, by its path below `tallystick/`.
/// - Returns: What is wrong, in the order of files and lines.
package func examine(
  _ configuration: Configuration, settings: Settings, shipped: [String: [UInt8]]
) -> [Finding] {
  guard let http = configuration.http else {
    return [
      Finding(
        "http", problem: "nginx has no http block", remedy: "include tallystick/http.conf; in it")
    ]
  }
  let sites = http.servers.map(Site.init)
  var findings = sites.flatMap { guardChecks($0) + checkChecks($0) + serverChecks($0) }
  findings += upstreamChecks(http) + defaultServerChecks(sites) + identityChecks(sites)
  findings += settingChecks(sites, settings) + logChecks(configuration.directives, http)
  findings += snippetChecks(configuration, shipped)
  if !sites.contains(where: \.mountsRoutes) {
    findings.append(
      Finding(
        "no routes", problem: "no server mounts the routes: nobody can sign in",
        remedy: "include tallystick/server/routes.conf; in the server of \(settings.issuer.host)"))
  }
  var seen: [Finding] = []
  for finding in findings where !seen.contains(finding) { seen.append(finding) }
  return seen.sorted { ($0.file, $0.line) < ($1.file, $1.line) }
}

/// Checks of what nginx writes down.
private func logChecks(_ main: [Directive], _ http: Place) -> [Finding] {
  let all = everything(main)
  return all.compactMap { directive in
    if directive.name == "error_log", ["info", "debug"].contains(directive.arguments.last) {
      return Finding(
        "error_log", at: directive,
        problem: "`\(directive.text)` writes header lines, and with them tokens and cookies",
        remedy: "error_log \(directive.value) error;")
    }
    if directive.name == "log_format",
      let secret = [
        "$http_authorization", "$http_cookie", "$cookie_", "$request_body", "$sent_http_set_cookie",
      ]
      .first(where: { secret in directive.arguments.contains { holds($0, secret) } })
    {
      return Finding(
        "log_format", at: directive, problem: "`log_format \(directive.value)` writes \(secret)",
        remedy: "remove \(secret) from it, or use the format `tallystick`")
    }
    return nil
  }
}

private func everything(_ directives: [Directive]) -> [Directive] {
  directives.flatMap { [$0] + everything($0.block ?? []) }
}

/// Checks that what is included is what this version ships.
private func snippetChecks(_ configuration: Configuration, _ shipped: [String: [UInt8]])
  -> [Finding]
{
  configuration.files.keys.sorted().compactMap { path in
    guard let start = path.indexAfterLast("/tallystick/"), let text = configuration.files[path],
      let wanted = shipped[String(path[start...])], trimmed(text) != trimmed(wanted)
    else { return nil }
    let lines = (
      text.split(separator: 0x0a, omittingEmptySubsequences: false),
      wanted.split(separator: 0x0a, omittingEmptySubsequences: false)
    )
    let same = zip(lines.0, lines.1).prefix { $0 == $1 }.count
    return Finding(
      "snippet", file: path, line: same + 1,
      problem: "is not the file that this version ships: another version's, or changed",
      remedy: "diff \(path) /usr/share/tallystick/nginx/\(path[start...])")
  }
}

private func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
  var rest = text[...]
  while rest.last == 0x0a { rest.removeLast() }
  return rest
}

/// Whether a text has another one in it.
private func holds(_ text: String, _ other: String) -> Bool {
  text.indexAfterLast(other) != nil
}

extension String {
  /// Where the text goes on after the last place of another text in it.
  fileprivate func indexAfterLast(_ text: String) -> String.Index? {
    let bytes = Array(utf8)
    let wanted = Array(text.utf8)
    guard bytes.count >= wanted.count else { return nil }
    for start in (0...(bytes.count - wanted.count)).reversed()
    where bytes[start...].starts(with: wanted) {
      return utf8.index(utf8.startIndex, offsetBy: start + wanted.count)
    }
    return nil
  }
}
