/// Who may pass a guarded location: `AUTH_REQUIRE`, and what follows `/tallystick/check/`.
///
/// Commas separate alternatives, of which one must hold. Slashes separate conditions that must hold
/// together. A condition is the name of a group, or `user:` and a username. So `staff,ops` admits the
/// members of either group, `staff/ops` the members of both, and `staff/ops,user:alice` these and
/// alice. An empty text admits every account.
package struct Requirement: Equatable, Sendable {
  package enum Condition: Hashable, Sendable, CustomStringConvertible {
    case group(Group)
    case account(Username)

    package var description: String {
      switch self {
      case .group(let group): group.text
      case .account(let username): "user:\(username)"
      }
    }
  }

  /// The alternatives, each with its conditions; none where every account is admitted.
  package let alternatives: [[Condition]]

  /// Every account.
  package static let anyAccount = Requirement(alternatives: [])

  private init(alternatives: [[Condition]]) {
    self.alternatives = alternatives
  }

  /// Parses a requirement.
  ///
  /// It returns nil if a name is no name in canonical spelling, is missing, or stands twice.
  package init?(_ text: String) {
    guard !text.isEmpty else {
      self = .anyAccount
      return
    }
    var alternatives: [[Condition]] = []
    // This works on bytes, because `check` parses requirements.
    for part in split(text[...], at: UInt8(ascii: ",")) {
      var conditions: [Condition] = []
      for name in split(part, at: UInt8(ascii: "/")) {
        guard let condition = Condition(name), !conditions.contains(condition) else { return nil }
        conditions.append(condition)
      }
      guard !alternatives.contains(where: { Set($0) == Set(conditions) }) else { return nil }
      alternatives.append(conditions)
    }
    self.alternatives = alternatives
  }

  /// Whether an account may pass.
  package func admits(_ account: Account) -> Bool {
    alternatives.isEmpty
      || alternatives.contains { conditions in
        conditions.allSatisfy { condition in
          switch condition {
          case .group(let group): account.groups.contains(group)
          case .account(let username): account.username == username
          }
        }
      }
  }

  /// Whether this admits nobody whom the other one does not admit.
  package func isAtLeastAsStrict(as other: Requirement) -> Bool {
    guard !other.alternatives.isEmpty else { return true }
    guard !alternatives.isEmpty else { return false }
    return alternatives.allSatisfy { own in
      other.alternatives.contains { Set($0).isSubset(of: own) }
    }
  }

  /// All conditions of all alternatives.
  package var conditions: [Condition] { alternatives.flatMap { $0 } }
}

extension Requirement.Condition {
  fileprivate init?(_ text: Substring) {
    let prefix = "user:"
    if text.utf8.starts(with: prefix.utf8) {
      let name = String(text.dropFirst(prefix.count))
      guard let username = Username(name), username.text.utf8.elementsEqual(name.utf8) else {
        return nil
      }
      self = .account(username)
    } else {
      guard let group = Group(String(text)) else { return nil }
      self = .group(group)
    }
  }
}

private func split(_ text: Substring, at separator: UInt8) -> [Substring] {
  text.utf8.split(separator: separator, omittingEmptySubsequences: false).map(Substring.init)
}
