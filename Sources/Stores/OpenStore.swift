// The engine that `STORE` names.

package import Accounts
package import Configuration
import PostgreSQL
import Store

/// Opens the store that the settings name.
///
/// - Parameters:
///   - settings: The program's settings.
///   - patience: How long a caller waits for other writers and for a server before `busy`.
/// - Returns: The store.
/// - Throws: `SettingError` for a URI that libpq does not understand, `StoreError` for a store that
///   cannot be used. Nothing is ever created or repaired.
package func openStore(
  _ settings: Settings, patience: Duration = .seconds(5)
) throws -> any AccountStore {
  switch settings.store {
  case .sqlite:
    var options = StoreOptions()
    options.patience = patience
    return try SQLiteStore(at: settings.database, options: options)
  case .postgreSQL(let uri):
    var options = PostgreSQLOptions()
    options.patience = patience
    options.staleness = settings.checkStaleness
    return try PostgreSQLStore(uri: try understood(uri), options: options)
  }
}

/// The URI, if libpq understands it.
func understood(_ uri: String) throws -> String {
  guard try PostgreSQLStore.understands(uri) else {
    throw SettingError.secret("TALLYSTICK_STORE", allowed: "a URI that libpq understands")
  }
  return uri
}
