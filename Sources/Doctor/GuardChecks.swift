// What leads past the guard. nginx asks in its access phase: whatever answers before it, or chooses
// another location, answers unasked.

import Accounts
import Nginx

/// Checks of what stands in a guarded location.
func guardChecks(_ site: Site) -> [Finding] {
  site.guarded.flatMap { location in
    inside(location) + [asksNobody(location, site), misread(location)].compactMap { $0 }
  } + weaker(site.server) + escapes(site) + switchedOff(site)
}

private func inside(_ location: Place) -> [Finding] {
  var findings: [Finding] = []
  for directive in location.ownAndConditional {
    switch directive.name {
    case "return":
      findings.append(
        Finding(
          "return", at: directive,
          problem: "`\(directive.text)` in \(location.title) answers before nginx asks: it is open",
          remedy: "remove it, or move it to a location of its own that guards nothing"))
    case "rewrite" where directive.arguments.last != "break":
      findings.append(
        Finding(
          "rewrite", at: directive,
          problem: "`\(directive.text)` in \(location.title) leads on before nginx asks",
          remedy: "rewrite outside of the guarded location, or end it with `break`"))
    case "try_files":
      if let fallback = directive.arguments.last, !fallback.utf8.starts(with: "=".utf8) {
        findings.append(
          Finding(
            "try_files", at: directive,
            problem: "`\(directive.text)` in \(location.title) hands requests to another location, "
              + "with whatever that one guards and passes on",
            remedy: "end it with =404, and pass requests on in this location"))
      }
    case "error_page": findings += errorPage(directive, in: location)
    default: break
    }
  }
  if let satisfy = location.setting("satisfy"), satisfy.value == "any" {
    findings.append(
      Finding(
        "satisfy", at: satisfy,
        problem:
          "`satisfy any` lets a request into \(location.title) that `check` has denied, if an "
          + "address or a password allows it",
        remedy: "satisfy all;"))
  }
  return findings
}

/// A denial must not become a page of the application, nor an answer with another status.
private func errorPage(_ directive: Directive, in location: Place) -> [Finding] {
  let words = directive.arguments
  guard let target = words.last, words.contains(where: { ["401", "403", "500"].contains($0) }),
    !target.utf8.starts(with: "@tallystick_".utf8), !target.utf8.starts(with: "$tallystick_".utf8),
    !target.utf8.starts(with: "/tallystick/".utf8)
  else { return [] }
  return [
    Finding(
      "error_page", at: directive,
      problem:
        "`\(directive.text)` answers a denial in \(location.title) with \(target), which the "
        + "guard has not let anybody see",
      remedy: "remove it: location/guard.conf has the pages for 401, 403 and 500")
  ]
}

private func asksNobody(_ location: Place, _ site: Site) -> Finding? {
  guard let asked = location.asks else { return nil }
  let chosen = site.location(for: asked.value)
  let found = chosen.map { ([$0] + $0.locations).contains { $0.asked == "tallystick_check" } }
  return found == true
    ? nil
    : Finding(
      "asks nobody", at: asked,
      problem:
        "\(location.title) asks \(asked.value), and \(site.name) has no such location: every "
        + "request ends with 500",
      remedy: "include tallystick/server/check.conf; in its server { }")
}

/// A requirement that `check` does not understand: every request ends with 500.
private func misread(_ location: Place) -> Finding? {
  guard let asked = location.asks, let question = location.question, question.requirement == nil
  else { return nil }
  return Finding(
    "requirement", at: asked,
    problem: "\(asked.value) does not say whom \(location.title) is for: every request ends with "
      + "500",
    remedy: "groups, or user: and a name; commas between alternatives, slashes between what must "
      + "hold together")
}

/// Nested locations whose own `auth_request` admits more than the one around them, which nginx forgets.
private func weaker(_ outer: Place) -> [Finding] {
  outer.inner("location").flatMap { location -> [Finding] in
    weaker(location) + [forgets(location, outer)].compactMap { $0 }
  }
}

private func forgets(_ location: Place, _ outer: Place) -> Finding? {
  guard let asked = location.own.last(where: { $0.name == "auth_request" }),
    let inner = location.question, let requirement = inner.requirement,
    let around = outer.question, let required = around.requirement
  else { return nil }
  let isStrict = requirement.isAtLeastAsStrict(as: required)
  guard !isStrict || inner.admitsDevices && !around.admitsDevices else { return nil }
  var note = Finding(
    "weaker", at: asked,
    problem: isStrict
      ? "\(location.title) lets device tokens in, and what is around it does not"
      : "\(location.title) is for more accounts than \(outer.title) around it: nginx asks for the "
        + "inner one alone",
    remedy: isStrict
      ? "auth_request /tallystick/check…; unless it is meant so"
      : "require the same there, and more: slashes between what must hold together")
  note.isNote = true
  return note
}

/// Locations below a guarded path that are not guarded themselves.
private func escapes(_ site: Site) -> [Finding] {
  var findings: [Finding] = []
  let open = site.locations.filter { !$0.isGuarded && $0.serves && !$0.isOurs }
  for location in site.guarded {
    guard case .prefix(let path, let overrules) = location.match else { continue }
    for other in open {
      switch other.match {
      case .exact(let below), .prefix(let below, _):
        guard below != path, below.utf8.starts(with: path.utf8), !isSwitchedOff(other) else {
          continue
        }
        // A whole site with some open paths is usual; only that it is meant so must be said.
        if path == "/" {
          var note = Finding(
            "open", at: other.directive,
            problem: "\(other.title) is open, in a site that is guarded",
            remedy: "auth_request off; in it, to say that it is meant so")
          note.isNote = true
          findings.append(note)
          continue
        }
        findings.append(
          Finding(
            "escape", at: other.directive,
            problem: "\(other.title) lies below \(location.title) and is open",
            remedy: "include tallystick/location/guard.conf; in it, or move it elsewhere"))
      case .expression(let expression, _):
        guard !overrules, canMatch(expression, below: path) else { continue }
        findings.append(
          Finding(
            "escape by expression", at: other.directive,
            problem: "\(other.title) takes requests from \(location.title), because expressions go "
              + "before prefixes, and is open",
            remedy: "write `location ^~ \(path)` for the guarded one, or guard this one too"))
      default: continue
      }
    }
  }
  return findings
}

/// Whether an expression could match a path below a prefix: certainly not, if it begins with another
/// path.
func canMatch(_ expression: String, below prefix: String) -> Bool {
  let bytes = Array(expression.utf8)
  guard bytes.first == UInt8(ascii: "^") else { return true }
  var literal: [UInt8] = []
  for byte in bytes.dropFirst() {
    guard !#"\.[]()*+?{}|$"#.utf8.contains(byte) else {
      // What may be missing is none of it.
      if "*?{".utf8.contains(byte), !literal.isEmpty { literal.removeLast() }
      break
    }
    literal.append(byte)
  }
  if bytes.contains(UInt8(ascii: "|")) { return true }
  let path = Array(prefix.utf8)
  return literal.starts(with: path) || path.starts(with: literal)
}

private func isSwitchedOff(_ location: Place) -> Bool {
  location.own.contains { $0.name == "auth_request" && $0.value == "off" }
}

private func switchedOff(_ site: Site) -> [Finding] {
  site.locations.compactMap { location in
    guard let off = location.own.last(where: { $0.name == "auth_request" && $0.value == "off" }),
      site.server.isGuarded
        || site.guarded.contains(where: { isBelow(location, $0) }) || location.isInsideGuarded
    else { return nil }
    return Finding(
      "auth_request off", at: off,
      problem: "`auth_request off` opens \(location.title) within what is guarded",
      remedy: "remove it, or move the location out of the guarded one")
  }
}

private func isBelow(_ location: Place, _ guarded: Place) -> Bool {
  guard case .prefix(let path, _) = guarded.match, path != "/" else { return false }
  switch location.match {
  case .exact(let below), .prefix(let below, _):
    return below != path && below.utf8.starts(with: path.utf8)
  default: return false
  }
}

extension Place {
  /// Whether a block around it is guarded.
  fileprivate var isInsideGuarded: Bool {
    outer("auth_request").contains { $0.value != "off" }
  }
}
