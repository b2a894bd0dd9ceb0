import CArgon2
import Glibc
import Threads

/// How many hashes run at once, and how many wait.
///
/// Memory is bounded by the slots, time by the queue; beyond both the client is told to come
/// back. OWASP ASVS 5.0 15.2.2.
package final class HashingSlots: Sendable {
  /// How many may wait unless told otherwise: about a second's worth on two cores.
  package static let queueLength = 64

  private struct Line {
    /// Hashes under way, those included whose slot was just handed to them.
    var running = 0
    /// Those who wait, in the order in which they came.
    var waiting: [Signal] = []
  }

  private let slots: Int
  private let queue: Int
  private let nice: Int32
  private let line = Locked(Line())

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
  package var waitingCount: Int { line.withLock { $0.waiting.count } }

  /// Hashes when a slot is free, in the order of the calls.
  ///
  /// - Parameter body: What hashes.
  /// - Returns: What the body returned.
  /// - Throws: `busy`, at once, if the queue is full; what the body threw.
  package func run<T>(_ body: () throws(HashingError) -> T) throws(HashingError) -> T {
    try enter()?.wait()
    defer { leave() }
    stepBack()
    return try body()
  }

  /// Takes a free slot, or a place in the line.
  ///
  /// - Returns: What to wait for, if there is a line.
  private func enter() throws(HashingError) -> Signal? {
    try line.withLock { line throws(HashingError) in
      guard line.running == slots else {
        line.running += 1
        return nil
      }
      guard line.waiting.count < queue else { throw .busy }
      let turn = Signal()
      line.waiting.append(turn)
      return turn
    }
  }

  /// Hands the slot to who waits longest, and wakes nobody else.
  private func leave() {
    line.withLock { line in
      if line.waiting.isEmpty {
        line.running -= 1
      } else {
        line.waiting.removeFirst().raise()
      }
    }
  }

  private func stepBack() {
    // On Linux this is about the calling thread alone.
    let process = __priority_which_t(PRIO_PROCESS.rawValue)
    guard nice > 0, getpriority(process, 0) < nice else { return }
    setpriority(process, 0, nice)
  }
}
