// What `check` has seen, written after its answer.
//
// An access token that `check` sees proves that its generation reached the client, and a device token
// that it allows was used. That is worth a write, but not worth a wait: the write happens beside the
// loop, for all that gathered meanwhile, at most once a session and generation, and once a device token
// and hour. If a confirmation is lost, one replay is treated as a retry; reuse is then detected one
// step later.

package import Accounts
import Configuration
import Glibc
package import Logging
import Threads
import Wire

/// Writes confirmed generations and last uses in the background.
package final class LateWriter: Sendable {
  private struct Pending {
    var seen: [SessionID: Int64] = [:]
    /// The last use by the digest of the device token.
    var uses: [String: NumericDate] = [:]
    var isRunning = false

    var isEmpty: Bool { seen.isEmpty && uses.isEmpty }

    mutating func add(_ session: SessionID, _ generation: Int64) {
      guard seen.count < LateWriter.capacity else { return }
      seen[session] = max(generation, seen[session] ?? 0)
    }

    mutating func add(_ digest: String, at time: NumericDate) {
      guard uses.count < LateWriter.capacity else { return }
      uses[digest] = max(time, uses[digest] ?? time)
    }
  }

  /// How many sessions, and how many device tokens, may wait; beyond it they are not noted.
  private static let capacity = 10_000

  private let store: any AccountStore
  private let log: Log
  private let pending = Locked(Pending())
  /// Held while a batch is on its way to the disk, so that who flushes waits for it.
  private let writing = Locked(false)

  package init(_ store: any AccountStore, log: Log) {
    self.store = store
    self.log = log
  }

  /// Notes that a token of this generation was seen; it never waits and never fails.
  package func note(_ session: SessionID, _ generation: Int64) {
    note { pending in pending.add(session, generation) }
  }

  /// Notes that a device token was used; it never waits and never fails.
  package func note(useOf digest: String, at time: NumericDate) {
    note { pending in pending.add(digest, at: time) }
  }

  private func note(_ add: (inout Pending) -> Void) {
    let mustStart = pending.withLock { pending in
      add(&pending)
      guard !pending.isEmpty else { return false }
      defer { pending.isRunning = true }
      return !pending.isRunning
    }
    guard mustStart else { return }
    // A thread that lives as long as there is something to write.
    if let thread = try? startThread(hidesSignals: true, { self.flush() }) {
      pthread_detach(thread)
    } else {
      pending.withLock { $0.isRunning = false }
    }
  }

  /// Writes what was noted, and returns when it is written or the store cannot take it.
  package func flush() {
    writing.withLock { isWriting in
      isWriting = true
      defer { isWriting = false }
      writePending()
    }
  }

  private func writePending() {
    while true {
      let batch = pending.withLock { pending in
        let batch = pending
        (pending.seen, pending.uses) = ([:], [:])
        if batch.isEmpty { pending.isRunning = false }
        return batch
      }
      guard !batch.isEmpty else { return }
      var rest = batch
      do throws(StoreError) {
        if !batch.seen.isEmpty {
          try store.confirm(batch.seen.map { (session: $0.key, generation: $0.value) })
          rest.seen = [:]
        }
        if !batch.uses.isEmpty {
          try store.noteUses(batch.uses.map { (digest: $0.key, at: $0.value) })
        }
      } catch {
        log.write(.warning, .unavailable, ["reason": .string("confirming: \(error.reason)")])
        return putBack(rest)
      }
    }
  }

  /// Keeps what could not be written for the next time that something is noted: a decision that is
  /// remembered is not noted again.
  private func putBack(_ rest: Pending) {
    pending.withLock { pending in
      for (session, generation) in rest.seen { pending.add(session, generation) }
      for (digest, time) in rest.uses { pending.add(digest, at: time) }
      pending.isRunning = false
    }
  }
}
