// The feed of revocations: rows that are only ever added.
//
// A number from a sequence says nothing about the order of commits: of two that were drawn, the
// later may be seen first, and whoever asks for "everything beyond" misses the other. Here the feed
// has several shards, and in each a row takes the number after the highest that is committed:
// whoever meets another in the same shard waits for its end, and then takes another shard. So each
// shard grows without gaps in the order of its commits, whoever sees its last row has seen them
// all, and no row exists that every sign-out has to lock.

import Accounts

enum RevocationFeed {
  /// As many commits may be under way at once without meeting.
  static let shards: Int64 = 16

  static func randomShard() -> Int64 { Int64.random(in: 0..<shards) }

  /// The last row of each shard, as two sums: the numbers tell every new row, and the random marks
  /// tell a server that has lost some, in a fail-over or a restored backup, and counts them anew.
  static let heads: StaticString = """
    SELECT COALESCE(sum(h.number), 0)::bigint, COALESCE(sum(h.mark), 0)::bigint
    FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14),
      (15)) AS s (shard)
    CROSS JOIN LATERAL (SELECT r.number, r.mark FROM tallystick.revocation AS r
      WHERE r.shard = s.shard ORDER BY r.number DESC LIMIT 1) AS h
    """

  /// The mark that stands for the sums.
  static func mark(_ answer: Answer) throws(StoreError) -> RevocationMark {
    guard answer.count == 1 else { throw .corrupt("the feed of revocations has no heads") }
    let row = answer[0]
    let (numbers, marks) = (try row.integer(0), try row.integer(1))
    return RevocationMark(numbers &* -0x61c8_8646_80b5_83eb &+ marks)
  }

  /// What is told of a revocation.
  static func subject(of revocation: Revocation) -> (kind: String, subject: String) {
    switch revocation {
    case .session(let session): ("session", session.text)
    case .account(let account): ("account", account.text)
    case .device(let device): ("device", device.text)
    case .anySession: ("any", "")
    }
  }
}

extension ServerTransaction {
  /// Adds revocations behind the last of a shard, with the next statement.
  func appendToFeed(_ revocations: [Revocation], shard: Int64) {
    let subjects = revocations.map(RevocationFeed.subject)
    runLater(
      """
      INSERT INTO tallystick.revocation (shard, number, mark, kind, subject, noted_at)
      SELECT $1, (SELECT COALESCE(max(number), 0) FROM tallystick.revocation WHERE shard = $1)
        + n.ordinality, n.mark, n.kind, n.subject, extract(epoch FROM now())::bigint
      FROM unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY
        AS n (mark, kind, subject, ordinality)
      """, .integer(shard),
      .integers(revocations.map { _ in Int64.random(in: 0..<1 << 48) }),
      .texts(subjects.map(\.kind)), .texts(subjects.map(\.subject)))
  }

  /// Deletes rows of the feed that nobody asks for any more; the last of each shard stays.
  func deleteRevocations(before time: NumericDate) throws(StoreError) {
    runLater(
      """
      DELETE FROM tallystick.revocation AS r WHERE r.noted_at < $1 AND r.number <
        (SELECT max(h.number) FROM tallystick.revocation AS h WHERE h.shard = r.shard)
      """, .integer(time.seconds))
  }
}
