import CSystem
import Glibc

/// The system's text for an `errno`, such as "No such file or directory".
package func systemMessage(_ code: Int32) -> String {
  unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}

/// Why a file or a directory could not be used.
package struct FileError: Error, Equatable, Sendable {
  package let path: String
  /// What is wrong, as it follows the path: "cannot be read", "is no regular file".
  package let problem: String
  /// The `errno`; 0 where no system call failed.
  package let code: Int32

  package init(_ path: String, _ problem: String, code: Int32 = 0) {
    self.path = path
    self.problem = problem
    self.code = code
  }

  /// The failure of the system call that was made last.
  package static func system(_ path: String, _ problem: String) -> FileError {
    FileError(path, problem, code: errno)
  }

  /// One line: the path, the problem, and the system's text where it failed.
  package var reason: String {
    code == 0 ? "\(path) \(problem)" : "\(path) \(problem): \(systemMessage(code))"
  }
}
