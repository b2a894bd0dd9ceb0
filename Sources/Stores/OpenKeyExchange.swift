package import Accounts
package import Configuration
import PostgreSQL

/// Where hosts exchange keys; nil where the store is of one host.
package func openKeyExchange(_ settings: Settings) throws -> (any KeyExchange)? {
  guard case .postgreSQL(let uri) = settings.store else { return nil }
  return try PostgreSQLStore(uri: try understood(uri))
}
