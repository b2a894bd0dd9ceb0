import Text

/// A wrong setting: the variable, its value and what is allowed.
package struct SettingError: Error, Equatable {
  package enum Problem: String, Sendable {
    case absent = "is not set"
    /// There is no setting with this name.
    case unknown = "is unknown"
    case wrong = "is wrong"
  }

  package let variable: String
  /// The value for the line; nil if the variable is not set or the value may be a secret.
  package let value: String?
  package let problem: Problem
  /// The allowed values, or the names of all variables if the name is unknown.
  package let allowed: String

  /// Makes the error for a wrong value, or, if the value is nil, for a variable that is not set.
  package init(variable: String, value: String?, allowed: String) {
    self.init(variable, value, value == nil ? .absent : .wrong, allowed: allowed)
  }

  init(_ variable: String, _ value: String?, _ problem: Problem, allowed: String) {
    self.variable = variable
    self.value = value
    self.problem = problem
    self.allowed = allowed
  }

  /// The error for a wrong value that may contain a password.
  package static func secret(_ variable: String, allowed: String) -> SettingError {
    SettingError(variable, nil, .wrong, allowed: allowed)
  }

  /// The error for a name that is not a setting.
  ///
  /// The value is left out if it may be a secret with a misspelt name.
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
