import Accounts
import FastCGI
import Token

/// A yes of `check` and how long it stands.
///
/// A class, so that an empty place in the cache costs a word.
final class Decision: Sendable {
  /// What was decided about: the whole credential, and everything that the decision rests on.
  let digest: Digest256
  /// The credential, verified in full.
  let credential: VerifiedCredential
  /// The answer, ready to be written.
  let response: EncodedResponse
  /// The store's revocation counter under which session and account were read.
  let revocations: RevocationMark
  /// From when and until when the credential's own times and the session's end allow it.
  let from: NumericDate
  let until: NumericDate

  init(
    digest: Digest256, credential: VerifiedCredential, response: EncodedResponse,
    revocations: RevocationMark,
    from: NumericDate, until: NumericDate
  ) {
    self.digest = digest
    self.credential = credential
    self.response = response
    self.revocations = revocations
    self.from = from
    self.until = until
  }

  func holds(at now: NumericDate) -> Bool {
    from <= now && now < until
  }
}

/// What `check` has allowed of late: bounded, and never asked for anything but the whole input.
///
/// 4-way set-associative. Only tokens with a valid signature are stored, so an attacker cannot
/// choose which set to fill.
struct DecisionCache: ~Copyable {
  private static let sets = 512
  private static let ways = 4

  /// Empty until there is something to remember.
  private var decisions: [Decision?] = []
  private var turn = 0

  /// The decision about exactly this input, if it still holds.
  func find(_ digest: Digest256, at now: NumericDate) -> Decision? {
    guard !decisions.isEmpty else { return nil }
    let first = DecisionCache.first(digest)
    for index in first..<(first + DecisionCache.ways) {
      if let decision = decisions[index], decision.digest == digest {
        return decision.holds(at: now) ? decision : nil
      }
    }
    return nil
  }

  /// Remembers a decision in place of an older one about the same input, or of one that is over,
  /// or of any other of its set.
  mutating func insert(_ decision: Decision, at now: NumericDate) {
    if decisions.isEmpty {
      decisions = Array(repeating: nil, count: DecisionCache.sets * DecisionCache.ways)
    }
    let first = DecisionCache.first(decision.digest)
    let places = first..<(first + DecisionCache.ways)
    turn &+= 1
    let place =
      places.first { decisions[$0]?.digest == decision.digest }
      ?? places.first { decisions[$0].map { !$0.holds(at: now) } ?? true }
      ?? first + turn % DecisionCache.ways
    decisions[place] = decision
  }

  /// Forgets everything: what the keys say has changed.
  mutating func removeAll() {
    decisions = []
  }

  private static func first(_ digest: Digest256) -> Int {
    Int(digest.words.0 % UInt64(sets)) * ways
  }
}
