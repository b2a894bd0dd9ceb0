import CArgon2
import Glibc

/// How many hashes run at once, and how many wait.
///
/// Memory is bounded by the slots, time by the queue; beyond both the client is told to come
/// back. OWASP ASVS 5.0 15.2.2.
package final class HashingSlots: Sendable {
  /// How many may wait unless told otherwise: about a second's worth on two cores.
  package static let queueLength = 64

  private struct Tickets {
    /// Calls admitted so far; each takes the count before it as its ticket.
    var taken = 0
    /// Calls that are over.
    var done = 0
  }

  private let slots: Int
  private let queue: Int
  private let nice: Int32
  private let tickets = Monitor(Tickets())

  /// Sets the bounds.
  ///
  /// - Parameters:
  ///   - slots: How many hashes run at once; as many as there are cores if left out.
  ///   - queue: How many more may wait.
  ///   - nice: How far a thread that hashes steps back behind those that answer in microseconds;
  ///     it stays back afterwards, because returning is a privilege. 0 leaves it alone.
  package init(slots: Int? = nil, queue: Int = queueLength, nice: Int32 = 5) {
    ts_keep_large_blocks()
    let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.slots = max(1, slots ?? cores)
    self.queue = queue
    self.nice = nice
  }

  /// Threads that wait for a slot.
  package var waitingCount: Int {
    tickets.withLock { tickets in max(0, tickets.taken - tickets.done - slots) }
  }

  /// Hashes when a slot is free, in the order of the calls.
  ///
  /// - Parameter body: What hashes.
  /// - Returns: What the body returned.
  /// - Throws: `busy`, at once, if the queue is full; what the body threw.
  package func run<T>(_ body: () throws(HashingError) -> T) throws(HashingError) -> T {
    let ticket = try take()
    defer { tickets.withLock { $0.done += 1 } }
    // As many may run as have left since this one came, and as there are slots: in order.
    tickets.wait { ticket < $0.done + slots }
    stepBack()
    return try body()
  }

  private func take() throws(HashingError) -> Int {
    try tickets.withLock { tickets throws(HashingError) in
      guard tickets.taken - tickets.done < slots + queue else { throw .busy }
      tickets.taken += 1
      return tickets.taken - 1
    }
  }

  private func stepBack() {
    // On Linux this is about the calling thread alone.
    let process = __priority_which_t(PRIO_PROCESS.rawValue)
    guard nice > 0, getpriority(process, 0) < nice else { return }
    setpriority(process, 0, nice)
  }
}
