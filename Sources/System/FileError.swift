import CSystem
import Glibc

/// The system's text for an `errno`, such as "No such file or directory".
package func systemMessage(_ code: Int32) -> String {
  unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}

/// The reason why a file or a directory cannot be used.
package struct FileError: Error, Equatable, Sendable {
  package let path: String
  /// The problem, in words that follow the path: "cannot be read", "is no regular file".
  package let problem: String
  /// The `errno` of the system call that failed; 0 if none failed.
  package let code: Int32

  package init(_ path: String, _ problem: String, code: Int32 = 0) {
    self.path = path
    self.problem = problem
    self.code = code
  }

  /// The error of the last system call.
  package static func system(_ path: String, _ problem: String) -> FileError {
    FileError(path, problem, code: errno)
  }

  /// One line with the path, the problem and, if a system call failed, the system's text.
  package var reason: String {
    code == 0 ? "\(path) \(problem)" : "\(path) \(problem): \(systemMessage(code))"
  }
}
