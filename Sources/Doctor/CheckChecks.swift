// The locations in which nginx asks `check`: what they must have, and what makes an answer wrong.

import Nginx

/// Checks of the locations that ask `check`.
func checkChecks(_ site: Site) -> [Finding] {
  site.locations(asking: "check").flatMap { location in
    var findings: [Finding] = []
    func find(_ check: String, _ directive: Directive?, _ problem: String, _ remedy: String) {
      findings.append(
        Finding(check, at: directive ?? location.directive, problem: problem, remedy: remedy))
    }
    if let size = location.setting("client_max_body_size"), size.value == "0" {
    } else {
      find(
        "body size", location.setting("client_max_body_size"),
        "\(location.title) holds uploads to guarded locations to its own client_max_body_size",
        "client_max_body_size 0;")
    }
    for name in ["fastcgi_cache", "proxy_cache"] {
      if let cache = location.setting(name), cache.value != "off" {
        find(
          "cached", cache, "`\(cache.text)` keeps answers of `check`: who was signed out goes on",
          "\(name) off;")
      }
    }
    if let store = location.setting("fastcgi_store"), store.value != "off",
      store.value != "/proc/tallystick/never-stored"
    {
      find(
        "stored", store, "`\(store.text)` writes answers of `check` to files",
        "include tallystick/location/check.conf;")
    }
    let ignored = Set(location.effective("fastcgi_ignore_headers").flatMap(\.arguments))
    if !ignored.isSuperset(of: ["X-Accel-Redirect", "X-Accel-Expires"]) {
      find(
        "ignored headers", location.setting("fastcgi_ignore_headers"),
        "\(location.title) obeys X-Accel-Redirect: an answer with it counts as a yes",
        "fastcgi_ignore_headers X-Accel-Redirect X-Accel-Expires Cache-Control Expires;")
    }
    if location.setting("fastcgi_pass_request_headers")?.value != "off" {
      find(
        "passed headers", location.setting("fastcgi_pass_request_headers"),
        "\(location.title) hands every header of the client to `check`",
        "fastcgi_pass_request_headers off;")
    }
    if let intercept = location.setting("fastcgi_intercept_errors"), intercept.value == "on" {
      find(
        "intercepted", intercept,
        "`fastcgi_intercept_errors on` lets an error_page answer in the place of `check`",
        "fastcgi_intercept_errors off;")
    }
    if !location.isInternal {
      find(
        "not internal", nil, "\(location.title) can be asked from outside", "internal;")
    }
    return findings
  }
}

/// Checks of the sockets behind the upstreams.
func upstreamChecks(_ http: Place) -> [Finding] {
  http.inner("upstream").filter { $0.directive.value.utf8.starts(with: "tallystick_".utf8) }
    .flatMap { upstream in
      upstream.own.filter { $0.name == "server" && !$0.value.utf8.starts(with: "unix:".utf8) }.map {
        Finding(
          "upstream", at: $0,
          problem:
            "`\($0.text)` reaches a program over the network: whoever else reaches it can say "
            + "anything",
          remedy: "server unix:/run/tallystick/\(upstream.directive.value.dropFirst(11)).sock;")
      }
    }
}
