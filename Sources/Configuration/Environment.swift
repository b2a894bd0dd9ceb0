import Glibc

/// The value of an environment variable; nil if it is not set.
///
/// A value that is not UTF-8 reads as U+FFFD, which no setting allows.
package func environmentValue(_ variable: String) -> String? {
  guard let text = unsafe getenv(variable) else { return nil }
  return unsafe String(validatingCString: text) ?? "\u{fffd}"
}
