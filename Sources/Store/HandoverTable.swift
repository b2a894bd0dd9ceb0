import Accounts

extension Connection {
  func insert(_ handover: Handover) throws(StoreError) {
    try run(
      """
      INSERT INTO handover (code, session, account, version, site, state, expires_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """,
      .text(handover.code), .text(handover.session.text), .text(handover.account.text),
      .integer(handover.version), .text(handover.site), .text(handover.state),
      .integer(handover.expiresAt.seconds))
  }

  func takeHandover(_ code: String) throws(StoreError) -> Handover? {
    let found = try first(
      "SELECT session, account, version, site, state, expires_at FROM handover WHERE code = ?1",
      .text(code)
    ) { row throws(StoreError) in
      Handover(
        code: code, session: try SessionID(stored: try row.text(0), in: "handover.session"),
        account: try AccountID(stored: try row.text(1), in: "handover.account"),
        version: try row.integer(2), site: try row.text(3), state: try row.text(4),
        expiresAt: try row.date(5))
    }
    guard let found else { return nil }
    try run("DELETE FROM handover WHERE code = ?1", .text(code))
    return found
  }

  func deleteHandovers(endingBefore time: NumericDate) throws(StoreError) {
    try run("DELETE FROM handover WHERE expires_at < ?1", .integer(time.seconds))
  }
}
