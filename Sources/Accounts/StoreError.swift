/// The reason why a store cannot be used.
package enum StoreError: Error, Equatable, Sendable {
  /// Another writer holds the store for longer than a request can wait.
  case busy
  /// There is no space left on the device.
  case full
  /// It cannot be opened or read; the text contains the path and the system's error.
  case unreadable(String)
  /// The contents are inconsistent.
  case corrupt(String)
  /// A newer program made it, or an older program made it and it has not been migrated.
  case schema(found: Int64, known: Int64)

  /// One line for the log, without any stored value.
  package var reason: String {
    switch self {
    case .busy: "store is busy"
    case .full: "store is full"
    case .unreadable(let what): "store is unreadable: \(what)"
    case .corrupt(let what): "store is corrupt: \(what)"
    case .schema(let found, let known) where found < known:
      "store has schema \(found), this program needs \(known): stop the programs, then "
        + "`tallystick init` brings it up to date"
    case .schema(let found, let known):
      "store has schema \(found), this program knows \(known)"
    }
  }
}
