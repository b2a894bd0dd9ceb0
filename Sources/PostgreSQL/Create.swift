package import Accounts
import Threads

extension PostgreSQLStore {
  /// What `create` found.
  package enum Tables: Equatable, Sendable {
    /// There were none: they have been made.
    case created
    /// They are of this version.
    case current
    /// They were of an older one.
    case migrated(from: Int64, to: Int64)
  }

  /// Makes the tables, or brings those of an older program up to date.
  ///
  /// - Parameter uri: A URI of libpq, of a user who may create a schema or owns the one that is there.
  /// - Returns: What there was.
  /// - Throws: `schema` if a newer program made them; each step is taken whole or not at all.
  package static func create(uri: String) throws(StoreError) -> Tables {
    let library = try Library.load()
    let address = try ServerAddress(uri, library)
    return try explained { () throws(Failure) in
      let patience = PostgreSQLOptions().patience
      let connection = try ServerConnection.open(address, patience: patience, library)
      switch try Schema.migrate(connection, patience: .seconds(600)) {
      case 0: return .created
      case Schema.version: return .current
      case let found: return .migrated(from: found, to: Schema.version)
      }
    }
  }

  /// Whether there are tables, of whatever version.
  package static func exists(uri: String) throws(StoreError) -> Bool {
    let library = try Library.load()
    let address = try ServerAddress(uri, library)
    return try explained { () throws(Failure) in
      let patience = PostgreSQLOptions().patience
      let connection = try ServerConnection.open(address, patience: patience, library)
      return try Schema.found(on: connection, until: Deadline(after: patience)) != nil
    }
  }

  /// Whether libpq understands a URI.
  package static func understands(_ uri: String) throws(StoreError) -> Bool {
    let library = try Library.load()
    return (try? ServerAddress(uri, library)) != nil
  }

  /// Host and database of a URI, for a message; never a password.
  package static func name(of uri: String) throws(StoreError) -> String {
    try ServerAddress(uri, try Library.load()).name
  }
}
