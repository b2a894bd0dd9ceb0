// Who an application believes: what nginx hands on, and never what a client claims.

import Nginx

private let identity = ["X-Auth-User", "X-Auth-Subject", "X-Auth-Session", "X-Auth-Groups"]

/// Checks of the locations that pass requests to applications.
func identityChecks(_ sites: [Site]) -> [Finding] {
  // Applications that are told who calls, by what passes requests to them.
  let told = Set(
    sites.flatMap(\.guarded).filter {
      $0.header("X-Auth-User")?.utf8.starts(with: "$".utf8) == true
    }
    .compactMap { $0.passes?.value })
  return sites.filter(\.guards).flatMap { site in
    site.locations.filter { $0.passes != nil && !$0.isOurs }.flatMap { location in
      location.isGuarded
        ? handedOn(location)
        : cleared(location, isTold: told.contains(location.passes?.value ?? ""))
    }
  }
    + sites.filter { !$0.guards }.flatMap { site in
      site.locations.filter { told.contains($0.passes?.value ?? "\n") }
        .flatMap { cleared($0, isTold: true) }
    }
}

private func snippet(_ what: String, _ location: Place) -> String {
  let way = location.passes?.name == "fastcgi_pass" ? "fastcgi" : "proxy"
  return "include tallystick/location/identity-\(what)-\(way).conf;"
}

private func handedOn(_ location: Place) -> [Finding] {
  guard let missing = identity.first(where: { location.header($0) == nil }) else { return [] }
  return [
    Finding(
      "identity", at: location.passes ?? location.directive,
      problem: "\(location.title) lets a client's own \(missing) through to the application",
      remedy: snippet("to", location) + " or " + snippet("cleared", location))
  ]
}

private func cleared(_ location: Place, isTold: Bool) -> [Finding] {
  guard let open = identity.first(where: { location.header($0) != "" }) else { return [] }
  return [
    Finding(
      isTold ? "identity believed" : "identity", at: location.passes ?? location.directive,
      problem: "\(location.title) is open, and a client's own \(open) reaches "
        + (isTold ? "an application that believes it" : "the application"),
      remedy: snippet("cleared", location))
  ]
}
