package import Accounts
package import Nginx

/// What an `auth_request` asks `check`: whom it admits, and whether by device tokens, too.
package struct Question: Equatable, Sendable {
  /// nil for a path that is none of ours, or that names no requirement.
  package let requirement: Requirement?
  package let admitsDevices: Bool

  /// Reads the path behind `auth_request`; nil for one that does not ask `check`.
  package init?(_ path: String) {
    // The longer one first: the other one begins it.
    for (start, admitsDevices) in [
      ("/tallystick/check-devices", true), ("/tallystick/check", false),
    ] {
      if path == start {
        (requirement, self.admitsDevices) = (.anyAccount, admitsDevices)
        return
      }
      if path.utf8.starts(with: (start + "/").utf8) {
        let text = String(path.dropFirst(start.utf8.count + 1))
        requirement = text.isEmpty ? nil : Requirement(text)
        self.admitsDevices = admitsDevices
        return
      }
    }
    return nil
  }
}

extension Place {
  /// What is asked before this place is served; nil where `check` is not asked.
  package var question: Question? {
    guard let directive = setting("auth_request") else { return nil }
    return Question(directive.value)
  }
}
