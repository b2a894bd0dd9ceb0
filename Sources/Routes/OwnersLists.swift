// How a session and a device token stand in the lists that their owner gets.

package import Accounts
package import Token
package import Wire

extension Session {
  /// The session as its owner sees it; it ends at `expires_at` unless it is used again.
  package func asJSON(current: SessionID, lifetime: Duration) -> JSON {
    .object(
      JSONObject([
        ("id", .string(id.text)), ("current", .bool(id == current)),
        ("created_at", .integer(createdAt.seconds)),
        ("last_used_at", .integer(lastUsedAt.seconds)),
        ("expires_at", .integer(refreshExpiry(lifetime: lifetime).seconds)),
        ("address", .string(address)), ("user_agent", .string(userAgent)),
      ]))
  }
}

extension Device {
  /// The device token as its owner sees it; its text only when it is made.
  package func asJSON(token: DeviceToken? = nil) -> JSON {
    .object(
      JSONObject(
        [
          ("id", .string(id.text)), ("name", .string(name.text)),
          ("sites", sites.map { .array($0.map(JSON.string)) } ?? .null),
          ("read_only", .bool(isReadOnly)), ("created_at", .integer(createdAt.seconds)),
          ("last_used_at", lastUsedAt.map { .integer($0.seconds) } ?? .null),
          ("expires_at", expiresAt.map { .integer($0.seconds) } ?? .null),
        ] + (token.map { [("token", .string($0.text))] } ?? [])))
  }
}
