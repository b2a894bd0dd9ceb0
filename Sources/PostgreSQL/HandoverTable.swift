import Accounts

extension ServerTransaction {
  func insert(_ handover: Handover) throws(StoreError) {
    runLater(
      """
      INSERT INTO tallystick.handover (code, session, account, version, site, state, expires_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      .text(handover.code), .text(handover.session.text), .text(handover.account.text),
      .integer(handover.version), .text(handover.site), .text(handover.state),
      .integer(handover.expiresAt.seconds))
  }

  func takeHandover(_ code: String) throws(StoreError) -> Handover? {
    let answer = try run(
      """
      DELETE FROM tallystick.handover WHERE code = $1
      RETURNING session, account, version, site, state, expires_at
      """, .text(code))
    return try first(answer) { row throws(StoreError) in
      Handover(
        code: code, session: try SessionID(stored: try row.text(0), in: "handover.session"),
        account: try AccountID(stored: try row.text(1), in: "handover.account"),
        version: try row.integer(2), site: try row.text(3), state: try row.text(4),
        expiresAt: try row.date(5))
    }
  }

  /// Those that another transaction is deleting are left to that one.
  func deleteHandovers(endingBefore time: NumericDate) throws(StoreError) {
    runLater(
      """
      DELETE FROM tallystick.handover WHERE code IN (SELECT code FROM tallystick.handover
        WHERE expires_at < $1 FOR UPDATE SKIP LOCKED)
      """, .integer(time.seconds))
  }
}
