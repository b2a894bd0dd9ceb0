// What a server as a whole must have: how it reads requests, who else gets them, and its names.

import Configuration
import Nginx

/// Checks of one server.
func serverChecks(_ site: Site) -> [Finding] {
  guard site.guards || site.mountsRoutes else { return [] }
  var findings: [Finding] = []
  for (name, wrong, problem) in [
    (
      "merge_slashes", "off",
      "a request for //private/ is none for /private/: it passes by the guarded location"
    ),
    (
      "underscores_in_headers", "on",
      "a client's X_Auth_User reaches an application as X-Auth-User does"
    ),
    ("ignore_invalid_headers", "off", "headers with any name reach an application"),
  ] {
    guard let setting = site.server.setting(name), setting.value == wrong else { continue }
    findings.append(
      Finding(
        name, at: setting, problem: "`\(setting.text)`: \(problem)",
        remedy: "include tallystick/server/hygiene.conf;"))
  }
  for listen in site.listens where !listen.isTLS && !listen.address.utf8.starts(with: "unix:".utf8)
  {
    findings.append(
      Finding(
        "no TLS", at: listen.directive,
        problem: "\(site.name) takes tokens and passwords on port \(listen.port) without TLS",
        remedy: "listen \(listen.port == 80 ? 443 : listen.port) ssl;"))
  }
  return findings + aliases(site) + cookiePath(site)
}

private func aliases(_ site: Site) -> [Finding] {
  site.locations.compactMap { location in
    guard case .prefix(let path, _) = location.match, !path.hasSuffix("/"),
      let alias = location.own.first(where: { $0.name == "alias" }), alias.value.hasSuffix("/")
    else { return nil }
    return Finding(
      "alias", at: alias,
      problem: "\(location.title) with `\(alias.text)`: a request for \(path)../ leaves the folder",
      remedy: "location \(path)/")
  }
}

/// The cookie must come back to the route and to no other.
private func cookiePath(_ site: Site) -> [Finding] {
  guard let route = site.locations(asking: "refresh").first else { return [] }
  let path = route.pathText
  return ["register", "login", "refresh", "logout", "revoke", "password"]
    .flatMap { site.locations(asking: $0) }.compactMap { location in
      let parameter = location.effective("fastcgi_param").last { $0.value == "REFRESH_COOKIE_PATH" }
      let given = parameter.map { $0.arguments.count > 1 ? $0.arguments[1] : "" } ?? "/auth/refresh"
      guard given != path else { return nil }
      return Finding(
        "cookie path", at: parameter ?? location.directive,
        problem:
          "\(location.title) sets the refresh cookie for \(given), and the route that reads it "
          + "is \(path)",
        remedy: "fastcgi_param REFRESH_COOKIE_PATH \(path);")
    }
}

/// Checks of what a request gets that names no server.
func defaultServerChecks(_ sites: [Site]) -> [Finding] {
  var findings: [Finding] = []
  var first: [String: (site: Site, listen: Listen)] = [:]
  var explicit: [String: Site] = [:]
  for site in sites {
    for listen in site.listens {
      if first[listen.address] == nil { first[listen.address] = (site, listen) }
      if listen.isDefault { explicit[listen.address] = site }
    }
  }
  for (address, found) in first.sorted(by: { $0.key < $1.key }) {
    let site = explicit[address] ?? found.site
    guard site.guards || site.mountsRoutes, !site.names.contains("_") else { continue }
    findings.append(
      Finding(
        "no default server", at: found.listen.directive,
        problem: "\(site.name) answers on \(address) under every name, an attacker's too",
        remedy: "a server with `listen \(address.split(separator: ":").last ?? "443") ssl "
          + "default_server; ssl_reject_handshake on;`"))
  }
  return findings
}

/// Checks of names and ports against the settings.
func settingChecks(_ sites: [Site], _ settings: Settings) -> [Finding] {
  var findings: [Finding] = []
  let issuer = settings.issuer
  for site in sites where site.mountsRoutes {
    guard
      !site.names.contains(issuer.host) || !site.listens.contains(where: { $0.port == issuer.port })
    else { continue }
    let name = site.server.own.first { $0.name == "server_name" } ?? site.server.directive
    findings.append(
      Finding(
        "issuer", at: name,
        problem: "\(site.name) mounts the routes, and the issuer is \(issuer): the programs refuse "
          + "what its pages send",
        remedy:
          "server_name \(issuer.host); and listen \(issuer.port), or another TALLYSTICK_ISSUER"))
  }
  for site in sites {
    for named in site.server.own where named.name == "set" && named.value == "$tallystick_site" {
      let text = named.arguments.count > 1 ? named.arguments[1] : ""
      guard let origin = Origin(text) else {
        findings.append(
          Finding(
            "site", at: named, problem: "\(text) is no https origin: every page answers 503",
            remedy: "set $tallystick_site https://\(site.names.first ?? "the.name");"))
        continue
      }
      if settings.knownSite(text) == nil {
        findings.append(
          Finding(
            "unknown site", at: named,
            problem: "\(origin) is neither the issuer nor in TALLYSTICK_SITES: nobody is led there",
            remedy: "TALLYSTICK_SITES=\(origin) in the settings"))
      }
      if !site.names.contains(where: { matches(origin.host, $0) })
        || !site.listens.contains(where: { $0.port == origin.port })
      {
        findings.append(
          Finding(
            "site", at: named,
            problem: "\(origin) is not the name and port of \(site.name): the way in never ends",
            remedy: "set $tallystick_site https://\(site.names.first ?? "the.name");"))
      }
    }
    if let page = site.locations.first(where: { $0.asked == "tallystick_land" }),
      site.server.setting("set") == nil
        || !site.server.effective("set").contains(where: { $0.value == "$tallystick_site" })
    {
      findings.append(
        Finding(
          "site", at: page.directive,
          problem: "\(site.name) has pages for browsers and does not say which site it is",
          remedy: "set $tallystick_site https://\(site.names.first ?? "the.name");"))
    }
  }
  return findings
}

/// Whether a host is one that a server's name stands for.
func matches(_ host: String, _ name: String) -> Bool {
  if name == host { return true }
  if name.utf8.starts(with: "*.".utf8) { return host.hasSuffix(String(name.dropFirst(1))) }
  if name.utf8.starts(with: ".".utf8) { return host == name.dropFirst() || host.hasSuffix(name) }
  return name.utf8.starts(with: "~".utf8)
}
