import Nginx

/// Something that a check found: where it stands, what is wrong, and what to write instead.
package struct Finding: Equatable, Sendable {
  /// The name of the check.
  package let check: String
  /// The file; empty for what stands in none.
  package let file: String
  /// Counted from 1; 0 for what stands in no line.
  package let line: Int
  /// What is wrong and what follows from it.
  package let problem: String
  /// What to write instead, or to do.
  package let remedy: String
  /// Whether it may be meant so.
  package var isNote = false

  package init(
    _ check: String, file: String = "", line: Int = 0, problem: String, remedy: String
  ) {
    self.check = check
    self.file = file
    self.line = line
    self.problem = problem
    self.remedy = remedy
  }

  /// A finding at a directive.
  init(_ check: String, at directive: Directive, problem: String, remedy: String) {
    self.init(
      check, file: directive.file, line: directive.line, problem: problem, remedy: remedy)
  }
}
