import Glibc

/// The environment variables whose names begin with a prefix, sorted by name.
///
/// If the environment contains a name twice, the result does too. Bytes that are not UTF-8 become
/// U+FFFD, which no setting allows.
package func environmentVariables(
  beginning prefix: String
) -> [(name: String, value: String)] {
  var found: [(name: String, value: String)] = []
  // Programs call this before they start threads, so the environment does not change meanwhile.
  var next = unsafe environ
  while let variable = unsafe next.pointee {
    let text = unsafe String(cString: variable)
    unsafe next += 1
    guard text.utf8.starts(with: prefix.utf8) else { continue }
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    found.append((String(parts[0]), parts.count == 2 ? String(parts[1]) : ""))
  }
  return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
}
