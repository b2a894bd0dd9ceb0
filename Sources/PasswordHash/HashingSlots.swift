import Glibc
import Synchronization

/// How many hashes run at once, and how many wait.
///
/// Memory is bounded by the slots, time by the queue; beyond both the client is told to come
/// back. OWASP ASVS 5.0 15.2.2.
package final class HashingSlots: Sendable {
  /// How many may wait unless told otherwise: about a second's worth on two cores.
  package static let queueLength = 64

  private struct State {
    var free: Int
    var waiting: [Turn] = []
  }

  private let queue: Int
  private let nice: Int32
  private let state: Mutex<State>

  /// Sets the bounds.
  ///
  /// - Parameters:
  ///   - slots: How many hashes run at once; as many as there are cores if left out.
  ///   - queue: How many more may wait.
  ///   - nice: How far a thread that hashes steps back behind those that answer in microseconds;
  ///     it stays back afterwards, because returning is a privilege. 0 leaves it alone.
  package init(slots: Int? = nil, queue: Int = queueLength, nice: Int32 = 5) {
    let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.queue = queue
    self.nice = nice
    state = Mutex(State(free: max(1, slots ?? cores)))
  }

  /// Threads that wait for a slot.
  package var waitingCount: Int {
    state.withLock { $0.waiting.count }
  }

  /// Hashes when a slot is free, in the order of the calls.
  ///
  /// - Parameter body: What hashes.
  /// - Returns: What the body returned.
  /// - Throws: `busy`, at once, if the queue is full; what the body threw.
  package func run<T>(_ body: () throws(HashingError) -> T) throws(HashingError) -> T {
    try take()
    defer { giveBack() }
    stepBack()
    return try body()
  }

  private func take() throws(HashingError) {
    let turn = try state.withLock { state throws(HashingError) -> Turn? in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      guard state.waiting.count < queue else { throw .busy }
      let turn = Turn()
      state.waiting.append(turn)
      return turn
    }
    turn?.wait()
  }

  private func giveBack() {
    let next = state.withLock { state -> Turn? in
      // Handed over, not set free: nobody who comes now can overtake those who wait.
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.free += 1
      return nil
    }
    next?.raise()
  }

  private func stepBack() {
    // On Linux this is about the calling thread alone.
    let process = __priority_which_t(PRIO_PROCESS.rawValue)
    guard nice > 0, getpriority(process, 0) < nice else { return }
    setpriority(process, 0, nice)
  }
}
