/// What a store cannot do, and why.
package enum StoreError: Error, Equatable, Sendable {
  /// Another writer holds it for longer than a request can wait.
  case busy
  /// No room left on the device.
  case full
  /// It cannot be opened or read: the path and what the system said.
  case unreadable(String)
  /// Its contents contradict themselves.
  case corrupt(String)
  /// It was made by a newer program, or by an older one and not migrated yet.
  case schema(found: Int64, known: Int64)

  /// One line for a log: no values that were stored.
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
