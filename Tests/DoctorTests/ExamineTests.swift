import Accounts
import Configuration
import Foundation
import Nginx
import Testing

@testable import Doctor

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "nginx")

/// The shipped files, by their paths on a server.
private let shipped: [String: String] = {
  var files: [String: String] = [:]
  for folder in [
    "", "sites/", "tallystick/", "tallystick/http/", "tallystick/server/", "tallystick/location/",
    "tallystick/headers/",
  ] {
    for name
      in (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path))
      ?? []
    where name.hasSuffix(".conf") {
      files["/etc/nginx/\(folder)\(name)"] = try? String(
        contentsOf: root.appending(path: folder + name), encoding: .utf8)
    }
  }
  return files
}()

private let snippets = Dictionary(
  uniqueKeysWithValues: shipped.filter { $0.key.hasPrefix("/etc/nginx/tallystick/") }.map {
    (String($0.key.dropFirst("/etc/nginx/tallystick/".count)), Array($0.value.utf8))
  })

/// The findings in the shipped files, of which some were changed.
private func findings(in files: [String: String]) throws -> [Finding] {
  let main = "/etc/nginx/nginx.conf"
  let names = [main] + files.keys.filter { $0 != main }.sorted()
  let dump = names.map { "# configuration file \($0):\n\(files[$0] ?? "")\n" }.joined()
  let configuration = try Configuration(dump: Array(dump.utf8))
  let variables = [
    ("TALLYSTICK_ISSUER", "https://localhost"), ("TALLYSTICK_SITES", "https://*.localhost"),
  ]
  return examine(configuration, settings: try Settings(environment: variables), shipped: snippets)
}

/// One mistake: a text in a shipped file, what somebody wrote in its place, and the check that finds
/// it there.
struct Mistake: Sendable, CustomTestStringConvertible {
  let check: String
  let file: String
  let text: String
  let mistake: String
  /// The words in whose line the finding stands; those of the mistake's first line otherwise.
  var found: String?

  init(_ check: String, _ file: String, _ text: String, _ mistake: String, at found: String? = nil)
  {
    self.check = check
    self.file = "/etc/nginx/" + file
    self.text = text
    self.mistake = mistake
    self.found = found
  }

  var testDescription: String { "\(check): \(mistake.prefix(60))" }
}

private let example = "sites/example.conf"
private let privateRoot =
  "    root /usr/share/tallystick/site;\n    index index.html;\n  }\n\n  # Files for the group"

private func inPrivate(_ lines: String) -> String { "    \(lines)\n" + privateRoot }

private let mistakes = [
  Mistake("return", example, privateRoot, inPrivate("return 200 hello;")),
  Mistake(
    "return", example, privateRoot, inPrivate("if ($arg_x) { return 200 hello; }"), at: "return 200"
  ),
  Mistake("rewrite", example, privateRoot, inPrivate("rewrite ^/private/old /new last;")),
  Mistake("rewrite", example, privateRoot, inPrivate("rewrite ^/private/old /new permanent;")),
  Mistake("satisfy", example, privateRoot, inPrivate("satisfy any;")),
  Mistake("satisfy", example, "  charset utf-8;", "  satisfy any;\n  charset utf-8;"),
  Mistake("try_files", example, privateRoot, inPrivate("try_files $uri /index.html;")),
  Mistake("try_files", example, privateRoot, inPrivate("try_files $uri @application;")),
  Mistake("error_page", example, privateRoot, inPrivate("error_page 401 = @application;")),
  Mistake("error_page", example, privateRoot, inPrivate("error_page 403 =200 /public/;")),
  Mistake(
    "auth_request off", example, privateRoot,
    inPrivate("location /private/open/ { auth_request off; }"), at: "auth_request off"),
  Mistake(
    "auth_request off", example, "  # Public pages.",
    "  location /private/open/ { auth_request off; }"),
  Mistake("escape", example, "  # Public pages.", "  location /private/open/ { root /srv; }"),
  Mistake("escape", example, "  # Public pages.", "  location = /private/file { root /srv; }"),
  Mistake(
    "escape", example, "  # Public pages.",
    "  location ^~ /api/v1/ { proxy_pass http://127.0.0.1:9; include tallystick/location/identity-cleared-proxy.conf; }"
  ),
  Mistake(
    "escape by expression", example, "  # Public pages.", #"  location ~ \.php$ { root /srv; }"#),
  Mistake(
    "escape by expression", example, "  # Public pages.", #"  location ~* ^/priv { root /srv; }"#),
  Mistake(
    "escape by expression", example, "  # Public pages.",
    #"  location ~ "^/private/[a-z]+\.(?:css|js)$" { root /srv; }"#),
  Mistake(
    "asks nobody", example, "  include tallystick/server/check.conf;", "", at: "auth_request"),
  Mistake(
    "requirement", example, "auth_request /tallystick/check/staff;",
    "auth_request /tallystick/check/staff//ops;"),
  Mistake(
    "requirement", example, "auth_request /tallystick/check/staff;",
    "auth_request /tallystick/check/;"),
  Mistake(
    "requirement", example, "auth_request /tallystick/check/staff;",
    "auth_request /tallystick/check-devices/user:Alice;"),
  Mistake(
    "merge_slashes", "tallystick/server/hygiene.conf", "merge_slashes on;", "merge_slashes off;"),
  Mistake(
    "underscores_in_headers", "tallystick/server/hygiene.conf", "underscores_in_headers off;",
    "underscores_in_headers on;"),
  Mistake(
    "ignore_invalid_headers", "tallystick/server/hygiene.conf", "ignore_invalid_headers on;",
    "ignore_invalid_headers off;"),
  Mistake("alias", example, "  # Public pages.", "  location /files { alias /srv/files/; }"),
  Mistake(
    "identity", example, "    include tallystick/location/identity-to-proxy.conf;", "",
    at: "proxy_pass"),
  Mistake(
    "identity", example, "    include tallystick/location/identity-to-proxy.conf;",
    "    proxy_set_header X-Auth-User $tallystick_user;", at: "proxy_pass"),
  Mistake(
    "identity believed", example, "    include tallystick/location/identity-cleared-proxy.conf;",
    "", at: "proxy_pass"),
  Mistake(
    "identity believed", "sites/second.conf", "  location / { return 404; }",
    "  location / { proxy_pass http://example_application; }"),
  Mistake(
    "identity", example, "  # Public pages.",
    "  location /cgi/ { fastcgi_pass unix:/run/app.sock; }"),
  Mistake(
    "body size", "tallystick/location/check-request.conf", "client_max_body_size 0;",
    "client_max_body_size 1m;"),
  Mistake(
    "body size", "tallystick/location/check-request.conf", "client_max_body_size 0;", "",
    at: "location = /tallystick/check"),
  Mistake(
    "cached", "tallystick/location/check-request.conf", "fastcgi_cache off;",
    "fastcgi_cache answers;"),
  Mistake(
    "stored", "tallystick/location/check.conf", "fastcgi_store /proc/tallystick/never-stored;",
    "fastcgi_store /var/cache/answers;"),
  Mistake(
    "ignored headers", "tallystick/location/check-request.conf",
    "fastcgi_ignore_headers X-Accel-Redirect X-Accel-Expires Cache-Control Expires;", "",
    at: "location = /tallystick/check"),
  Mistake(
    "ignored headers", "tallystick/location/check-request.conf",
    "fastcgi_ignore_headers X-Accel-Redirect X-Accel-Expires Cache-Control Expires;",
    "fastcgi_ignore_headers Expires;"),
  Mistake(
    "passed headers", "tallystick/location/check-request.conf", "fastcgi_pass_request_headers off;",
    "fastcgi_pass_request_headers on;"),
  Mistake(
    "intercepted", "tallystick/location/check-request.conf", "fastcgi_intercept_errors off;",
    "fastcgi_intercept_errors on;"),
  Mistake(
    "not internal", "tallystick/server/check.conf", "  internal;\n  include", "  include",
    at: "location = /tallystick/check"),
  Mistake(
    "upstream", "tallystick/http/upstreams.conf", "server unix:/run/tallystick/login.sock;",
    "server 10.0.0.2:9000;"),
  Mistake(
    "no default server", "sites/unknown-host.conf", "  listen 443 ssl default_server;", "",
    at: "listen"),
  Mistake(
    "cookie path", "tallystick/server/routes.conf", "location = /auth/refresh {",
    "location = /session/refresh {", at: "REFRESH_COOKIE_PATH"),
  Mistake(
    "cookie path", "tallystick/location/refresh-cookie.conf", "REFRESH_COOKIE_PATH /auth/refresh;",
    "REFRESH_COOKIE_PATH /;"),
  Mistake("issuer", example, "  server_name localhost;", "  server_name www.localhost;"),
  Mistake(
    "unknown site", "sites/pages.conf", "set $tallystick_site https://other.localhost;",
    "set $tallystick_site https://elsewhere.test;"),
  Mistake(
    "site", "sites/pages.conf", "set $tallystick_site https://other.localhost;",
    "set $tallystick_site https://third.localhost;"),
  Mistake(
    "site", "sites/pages.conf", "set $tallystick_site https://other.localhost;",
    "set $tallystick_site http://other.localhost;"),
  Mistake(
    "site", "sites/pages.conf", "set $tallystick_site https://other.localhost;", "",
    at: "location = /tallystick/land"),
  Mistake(
    "no TLS", example, "  server_name localhost;", "  listen 8080;\n  server_name localhost;"),
  Mistake(
    "error_log", "nginx.conf", "error_log /var/log/nginx/error.log error;",
    "error_log /var/log/nginx/error.log debug;"),
  Mistake(
    "log_format", "tallystick/http/log.conf", "\"status\":$status,",
    "\"status\":$status,\"token\":\"$http_authorization\",", at: "log_format"),
  Mistake("snippet", "tallystick/server/tls.conf", "TLSv1.2 TLSv1.3;", "TLSv1 TLSv1.2 TLSv1.3;"),
]

@Suite struct `The examination of nginx's configuration` {
  @Test func `finds nothing in the shipped files`() throws {
    #expect(try findings(in: shipped) == [])
  }

  @Test func `knows at least thirty mistakes`() {
    #expect(mistakes.count >= 30)
    #expect(Set(mistakes.map(\.check)).count >= 25)
  }

  @Test(arguments: mistakes)
  func `finds a mistake, where it stands, and says what to write instead`(_ mistake: Mistake) throws
  {
    let before = try #require(shipped[mistake.file])
    #expect(before.contains(mistake.text), "the shipped file has changed")
    var files = shipped
    let range = try #require(before.range(of: mistake.text))
    files[mistake.file] = before.replacingCharacters(in: range, with: mistake.mistake)
    // A changed snippet is a finding of its own.
    let found = try findings(in: files)
    let finding = try #require(found.first { $0.check == mistake.check }, "\(found)")
    #expect(!finding.isNote && !finding.problem.isEmpty && !finding.remedy.isEmpty)
    let text = (files[finding.file] ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    let words = mistake.found ?? String(mistake.mistake.split(separator: "\n").first ?? "")
    try #require(finding.line >= 1 && finding.line <= text.count)
    #expect(
      text[finding.line - 1].contains(words.trimmingCharacters(in: .whitespaces))
        || finding.file != mistake.file,
      "\(finding.file):\(finding.line): \(text[finding.line - 1])")
    #expect(
      found.allSatisfy {
        $0.check == mistake.check || $0.check == "snippet" || $0.isNote
          || isConsequence($0, of: mistake)
      }, "\(found)")
  }

  /// One mistake can be two: no way to `check` is found at each location that asks.
  private func isConsequence(_ finding: Finding, of mistake: Mistake) -> Bool {
    [
      "asks nobody": ["asks nobody"], "site": ["unknown site", "site"], "unknown site": ["site"],
      "issuer": ["site"], "cookie path": ["cookie path"], "auth_request off": ["escape"],
      "no default server": ["no default server"], "no TLS": ["no default server"],
      "escape": ["identity"],
    ][mistake.check, default: []].contains(finding.check)
  }

  @Test func `takes a site that is guarded as a whole, with paths that are said to be open`() throws
  {
    var files = shipped
    let file = "/etc/nginx/sites/pages.conf"
    let open = "  charset utf-8;\n  location /assets/ { root /srv; }"
    files[file] = shipped[file]?.replacingOccurrences(of: "  charset utf-8;", with: open)
    let notes = try findings(in: files)
    #expect(notes.map(\.check) == ["open", "open"] && notes.allSatisfy(\.isNote))
    files[file] = files[file]?.replacingOccurrences(
      of: "root /srv;", with: "root /srv; auth_request off;")
    #expect(try findings(in: files) == [])
  }

  @Test(arguments: [
    ("check", "check/ops/x", []), ("check/staff", "check/staff/ops", []),
    ("check/staff", "check/user:alice/staff", []), ("check/staff,ops", "check/ops", []),
    ("check-devices", "check-devices/staff", []), ("check-devices", "check", []),
    ("check/staff", "check", ["weaker"]), ("check/staff", "check/staff,ops", ["weaker"]),
    ("check/staff/ops", "check/staff", ["weaker"]), ("check/staff", "check/user:alice", ["weaker"]),
    ("check", "check-devices", ["weaker"]), ("check/staff", "check-devices/staff/ops", ["weaker"]),
  ])
  func `notes a nested location that admits more than the one around it`(
    outer: String, inner: String, found: [String]
  ) throws {
    var files = shipped
    let file = "/etc/nginx/sites/second.conf"
    let nested = """
        location /nested/ {
          auth_request /tallystick/\(outer);
          include tallystick/location/guarded.conf;
          location /nested/inner/ { auth_request /tallystick/\(inner); root /srv; }
        }
      """
    files[file] = shipped[file]?.replacingOccurrences(
      of: "  charset utf-8;", with: "  charset utf-8;\n" + nested)
    let notes = try findings(in: files)
    #expect(notes.map(\.check) == found && notes.allSatisfy(\.isNote))
  }

  @Test func `knows what is asked of check, and of nobody else`() {
    func asked(_ path: String) -> (String?, Bool)? {
      Question(path).map { question in
        (
          question.requirement.map { requirement in
            requirement.alternatives.map { $0.map(\.description).joined(separator: "/") }
              .joined(separator: ",")
          }, question.admitsDevices
        )
      }
    }
    for (path, requirement, admitsDevices) in [
      ("/tallystick/check", "", false), ("/tallystick/check-devices", "", true),
      ("/tallystick/check/staff,ops/user:a@b.c", "staff,ops/user:a@b.c", false),
      ("/tallystick/check-devices/staff", "staff", true), ("/tallystick/check/", nil, false),
      ("/tallystick/check/Staff", nil, false), ("/tallystick/check-devices/", nil, true),
    ] {
      let found = asked(path)
      #expect(found?.0 == requirement && found?.1 == admitsDevices, "\(path)")
    }
    for path in ["off", "/auth", "/tallystick/checks", "/tallystick/check-device", "/tallystick"] {
      #expect(asked(path) == nil, "\(path)")
    }
  }

  @Test(arguments: [
    ("^/api/", "/private/", false), ("^/private/x", "/private/", true),
    (#"\.php$"#, "/private/", true),
    ("^/priv", "/private/", true), ("^/p?ublic/", "/private/", true), ("^/a|b", "/private/", true),
    ("^/[a-z]+/", "/private/", true),
  ])
  func `knows whether an expression can match below a path`(
    expression: String, path: String, can: Bool
  ) {
    #expect(canMatch(expression, below: path) == can)
  }
}
