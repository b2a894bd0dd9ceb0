import Testing

@testable import Accounts

/// The login of every example; only differences to it matter.
let start = NumericDate(seconds: 1_700_000_000)

func accountID(_ letter: Character = "a") throws -> AccountID {
  try #require(AccountID(String(repeating: letter, count: 26)))
}

func sessionID(_ letter: Character = "s") throws -> SessionID {
  try #require(SessionID(String(repeating: letter, count: 26)))
}

func account(version: Int64 = 1, isDisabled: Bool = false) throws -> Account {
  Account(
    id: try accountID(), username: try #require(Username("alice")), version: version,
    isDisabled: isDisabled, createdAt: start)
}

/// A session that began at `start`.
func session(version: Int64 = 1, lifetime: Duration = .seconds(90 * 86_400)) throws -> Session {
  Session(
    starting: try sessionID(), account: try accountID(), version: version, at: start,
    lifetime: lifetime, address: "192.0.2.1", userAgent: "Example/1.0")
}

/// A session whose live generation came to be at `start + rotated`, in a cookie at
/// `start + issued`, in one while it was unconfirmed at `start + sent`.
func session(
  generation: Int64, confirmed: Int64, rotated: Int64 = 0, issued: Int64? = nil,
  sent: Int64? = nil
) throws -> Session {
  var session = try session()
  session.generation = generation
  session.confirmed = confirmed
  session.rotatedAt = start + rotated
  session.issuedAt = start + (issued ?? rotated)
  session.sentAt = start + (sent ?? rotated)
  return session
}
