// Making stores and bringing them up to date, for the administrator.

import Accounts
package import Configuration
import PostgreSQL
import Store

/// What there is of a store.
package enum StoreCondition: Equatable, Sendable {
  case missing
  case current
  /// An older program made it.
  case outdated(found: Int64, known: Int64)
}

/// Looks at the store that the settings name.
///
/// - Throws: What hinders from looking, and `schema` if a newer program made it.
package func conditionOfStore(_ settings: Settings) throws -> StoreCondition {
  do throws(StoreError) {
    switch settings.store {
    case .sqlite:
      guard SQLiteStore.exists(at: settings.database) else { return .missing }
      _ = try SQLiteStore(at: settings.database)
    case .postgreSQL(let uri):
      guard try PostgreSQLStore.exists(uri: uri) else { return .missing }
      _ = try PostgreSQLStore(uri: uri)
    }
    return .current
  } catch {
    guard case .schema(let found, let known) = error, found < known else { throw error }
    return .outdated(found: found, known: known)
  }
}

/// Makes the store that the settings name, or brings it up to date.
package func makeStore(_ settings: Settings) throws {
  switch settings.store {
  case .sqlite where SQLiteStore.exists(at: settings.database):
    try SQLiteStore.migrate(at: settings.database)
  case .sqlite:
    try SQLiteStore.create(at: settings.database)
  case .postgreSQL(let uri):
    _ = try PostgreSQLStore.create(uri: try understood(uri))
  }
}

extension Settings {
  /// The store's name for a message, without a password.
  package var storeName: String {
    switch store {
    case .sqlite: database
    case .postgreSQL(let uri): (try? PostgreSQLStore.name(of: uri)) ?? store.shown
    }
  }
}
