import Accounts

/// Why the server did not do what it was asked, and whether asking again may help.
struct Failure: Error {
  enum Kind: Equatable {
    /// Another transaction was in the way: the whole transaction is repeated.
    case conflict
    /// The connection is of no use any more, or its server must not write.
    case broken
    /// A statement that was prepared is not there: a pooler hands connections around.
    case unprepared
    /// It would be refused again.
    case refused
  }

  let kind: Kind
  let error: StoreError
  /// SQLSTATE, where the server said one.
  var state = ""

  /// A connection that broke, with what is known of it.
  static func broken(_ what: String) -> Failure {
    Failure(kind: .broken, error: .unreadable("PostgreSQL: \(what)"))
  }

  static let timedOut = Failure(kind: .broken, error: .busy)

  /// What an error code means for whoever asked the store.
  ///
  /// The server's own words are passed on only where they cannot contain a stored value.
  ///
  /// - Parameters:
  ///   - state: The five characters of SQLSTATE, empty where the server said nothing.
  ///   - message: The server's primary message.
  init(state: String, message: String) {
    defer { self.state = state }
    let what = "PostgreSQL: \(message) (\(state))"
    switch state {
    // Serialization failure, deadlock.
    case "40001", "40P01", "40000", "40003": self.init(kind: .conflict, error: .busy)
    // Two transactions have taken the same place in the feed of revocations.
    case "23505": self.init(kind: .conflict, error: .corrupt("PostgreSQL: not unique (23505)"))
    // A statement or a lock took too long; too many connections; no memory.
    case "57014", "55P03", "53300", "53200": self.init(kind: .refused, error: .busy)
    case "53100": self.init(kind: .refused, error: .full)
    case "26000", "42P05": self.init(kind: .unprepared, error: .unreadable(what))
    // The server is a standby now.
    case "25006": self.init(kind: .broken, error: .unreadable(what))
    case "42P01", "3F000":
      self.init(
        kind: .refused,
        error: .unreadable(
          "PostgreSQL: the database has no tallystick tables; `tallystick init` creates them"))
    case "": self.init(kind: .broken, error: .unreadable("PostgreSQL: the connection broke"))
    default:
      switch state.prefix(2) {
      // Connection trouble, operator intervention.
      case "08", "57": self.init(kind: .broken, error: .unreadable(what))
      // Values and constraints: the message may repeat a value.
      case "22", "23": self.init(kind: .refused, error: .corrupt("PostgreSQL: error \(state)"))
      default: self.init(kind: .refused, error: .unreadable(what))
      }
    }
  }

  init(kind: Kind, error: StoreError) {
    self.kind = kind
    self.error = error
  }

  /// The result of a body that reads rows, with its error as one that would come again.
  static func explaining<T>(_ body: () throws(StoreError) -> T) throws(Failure) -> T {
    do throws(StoreError) {
      return try body()
    } catch {
      throw Failure(kind: .refused, error: error)
    }
  }
}
