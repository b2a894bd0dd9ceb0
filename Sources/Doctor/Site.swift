import Nginx
import Text

/// A server with what the checks ask about it.
struct Site {
  let server: Place
  let locations: [Place]

  init(_ server: Place) {
    self.server = server
    locations = server.locations
  }

  /// Its names, for messages.
  var name: String {
    server.own.first { $0.name == "server_name" }?.value
      ?? "the server in line \(server.directive.line)"
  }

  var names: [String] {
    server.own.filter { $0.name == "server_name" }.flatMap(\.arguments)
  }

  /// The locations that nginx guards by asking us.
  var guarded: [Place] { locations.filter(\.isGuarded) }

  /// Whether anything in it is guarded.
  var guards: Bool { server.isGuarded || !guarded.isEmpty }

  /// The locations that hand requests to a program of ours.
  func locations(asking program: String) -> [Place] {
    locations.filter { $0.asked == "tallystick_" + program }
  }

  /// The location that nginx chooses for a path, expressions left aside.
  func location(for path: String) -> Place? { chosen(for: path, in: server) }

  private func chosen(for path: String, in place: Place) -> Place? {
    var best: (place: Place, length: Int)?
    for candidate in place.inner("location") {
      switch candidate.match {
      case .exact(path): return candidate
      case .prefix(let prefix, _)
      where path.utf8.starts(with: prefix.utf8) && prefix.utf8.count > best?.length ?? -1:
        best = (candidate, prefix.utf8.count)
      default: continue
      }
    }
    guard let found = best?.place else { return nil }
    return chosen(for: path, in: found) ?? found
  }

  /// Whether it mounts the routes.
  var mountsRoutes: Bool {
    !locations(asking: "login").isEmpty || !locations(asking: "refresh").isEmpty
  }

  /// Its addresses: what stands behind each `listen`.
  var listens: [Listen] {
    let found = server.own.filter { $0.name == "listen" }.map(Listen.init)
    return found.isEmpty ? [Listen(server.directive)] : found
  }
}

/// One `listen`.
struct Listen {
  let directive: Directive
  let port: Int
  let isTLS: Bool
  let isDefault: Bool
  /// What makes two of them the same socket.
  let address: String

  init(_ directive: Directive) {
    self.directive = directive
    let words = directive.name == "listen" ? directive.arguments : []
    let first = words.first ?? "80"
    let last =
      first.split(separator: ":", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    let isPortAlone = Int(first) != nil
    port = Int(isPortAlone ? first : first.hasSuffix("]") ? "" : last) ?? 80
    isTLS = words.contains("ssl") || words.contains("quic")
    isDefault = words.contains("default_server") || words.contains("default")
    address =
      isPortAlone
      ? "*:\(first)"
      : first.utf8.starts(with: "unix:".utf8) || first.utf8.contains(UInt8(ascii: ":"))
        ? first : "\(first):80"
  }
}

extension Place {
  /// The path that nginx asks before it serves this place; nil where it asks nobody.
  var asks: Directive? {
    guard let directive = setting("auth_request"), directive.value != "off" else { return nil }
    return directive
  }

  /// Whether nginx asks us before it serves this place.
  var isGuarded: Bool {
    guard case .named = match else {
      return question != nil
    }
    // Reached from within only.
    return false
  }

  /// What answers here: the argument of the directive that passes requests on; nil for files.
  var passes: Directive? {
    own.last {
      ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"].contains($0.name)
    }
  }

  /// The upstream that a `fastcgi_pass` names; empty for none.
  var asked: String { passes?.name == "fastcgi_pass" ? passes?.value ?? "" : "" }

  /// Whether it is one of our own locations.
  var isOurs: Bool {
    asked.utf8.starts(with: "tallystick_".utf8)
      || pathText.utf8.starts(with: "/tallystick/".utf8)
      || pathText.utf8.starts(with: "@tallystick_".utf8)
  }

  /// Whether it serves something by itself, and not only an answer of `return`.
  var serves: Bool {
    guard !isInternal else { return false }
    if passes != nil { return true }
    return !own.contains { $0.name == "return" }
  }

  var isInternal: Bool { own.contains { $0.name == "internal" } }

  /// The path or the expression as it is written.
  var pathText: String {
    switch match {
    case .exact(let text), .named(let text): text
    case .prefix(let text, _): text
    case .expression(let text, _): text
    case nil: ""
    }
  }

  /// `location …` as it is written.
  var title: String { directive.text }

  /// What a request's header of this name is set to on its way to an application.
  func header(_ name: String) -> String? {
    switch passes?.name {
    case "proxy_pass":
      effective("proxy_set_header").last { asciiLowercased($0.value) == asciiLowercased(name) }?
        .arguments
        .last
    case "fastcgi_pass":
      effective("fastcgi_param").last {
        asciiLowercased($0.value) == "http_"
          + asciiLowercased(name).map { $0 == "-" ? "_" : String($0) }.joined()
      }.map { $0.arguments.count > 1 ? $0.arguments[1] : "" }
    default: nil
    }
  }
}
