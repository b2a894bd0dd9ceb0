import Text

/// A wrong setting: the variable, its value and what is allowed.
package struct SettingError: Error, Equatable {
  package enum Problem: String, Sendable {
    case absent = "is not set"
    /// No setting has this name.
    case unknown = "is unknown"
    case wrong = "is wrong"
  }

  package let variable: String
  /// The value as the line shows it; nil if the variable is not set, or if the value is a secret.
  package let value: String?
  package let problem: Problem
  /// What would be right: values of this variable, or the names of all variables.
  package let allowed: String

  /// The error of a wrong value, or of a variable that is not set if the value is nil.
  package init(variable: String, value: String?, allowed: String) {
    self.init(variable, value, value == nil ? .absent : .wrong, allowed: allowed)
  }

  init(_ variable: String, _ value: String?, _ problem: Problem, allowed: String) {
    self.variable = variable
    self.value = value
    self.problem = problem
    self.allowed = allowed
  }

  /// The error of a name that no setting has.
  ///
  /// The value is left out where it may be a secret under a misspelt name.
  static func unknown(_ variable: String, _ value: String, known: [String]) -> SettingError {
    let words = variable.split(separator: "_")
    let mayBeSecret =
      value.utf8.contains(UInt8(ascii: "@"))
      || words.contains { ["KEY", "PASSWORD", "SECRET", "TOKEN"].contains($0) }
    return SettingError(
      variable, mayBeSecret ? nil : value, .unknown,
      allowed: "allowed are " + known.joined(separator: ", "))
  }

  /// The line that names the variable, the value and what is allowed.
  package var line: String {
    let shown = value.map { "=" + quoted($0) } ?? ""
    return "\(escaped(variable))\(shown) \(problem.rawValue): \(allowed)"
  }
}
