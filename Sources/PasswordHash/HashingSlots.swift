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
    /// What waits, in the order of the calls.
    var jobs: [HashingJob] = []
    /// Jobs under way.
    var running = 0
    var threads = 0
    /// Threads with nothing to do.
    var idle: [Signal] = []
    var isEnding = false
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
  ///   - nice: How far the threads that hash step back behind those that answer in microseconds.
  package init(slots: Int? = nil, queue: Int = queueLength, nice: Int32 = 5) {
    ts_keep_large_blocks()
    let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.slots = max(1, slots ?? cores)
    self.queue = queue
    self.nice = nice
  }

  deinit {
    line.withLock { line in
      line.isEnding = true
      for thread in line.idle { thread.raise() }
    }
  }

  /// Hashes that wait for a slot.
  package var waitingCount: Int { line.withLock { $0.jobs.count } }

  /// Hashes when a slot is free, in the order of the calls.
  ///
  /// A slot is a thread, and the callers wait: where a caller hashed for itself, a core stood idle
  /// from the end of one hash until the scheduler had found it another caller.
  ///
  /// - Parameter body: What hashes.
  /// - Returns: What the body returned.
  /// - Throws: `busy`, at once, if the queue is full; what the body threw.
  package func run<T: Sendable>(
    _ body: @escaping @Sendable () throws(HashingError) -> T
  ) throws(HashingError) -> T {
    let outcome = Locked<Result<T, HashingError>?>(nil)
    let job = HashingJob {
      let result = Result { () throws(HashingError) in try body() }
      outcome.withLock { $0 = result }
    }
    let isTaken = try enter(job)
    // Without a thread, which the system may refuse, the caller does it.
    if isTaken { job.done.wait() } else { job.body() }
    guard let result = outcome.withLock({ $0 }) else { throw .memory }
    return try result.get()
  }

  /// Puts a job into the line.
  ///
  /// - Returns: Whether there is a thread to do it.
  private func enter(_ job: HashingJob) throws(HashingError) -> Bool {
    try line.withLock { line throws(HashingError) in
      guard line.running + line.jobs.count < slots + queue else { throw .busy }
      if let thread = line.idle.popLast() {
        thread.raise()
      } else if line.threads < slots, startThread() {
        line.threads += 1
      }
      guard line.threads > 0 else { return false }
      line.jobs.append(job)
      return true
    }
  }

  private func startThread() -> Bool {
    let thread = try? Threads.startThread(hidesSignals: true) { [line, nice] in
      HashingSlots.work(line, nice: nice)
    }
    guard let thread else { return false }
    pthread_detach(thread)
    return true
  }

  /// What a thread does: one job after the other, until the slots are no more.
  private static func work(_ line: Locked<Line>, nice: Int32) {
    // On Linux this is about the calling thread alone.
    let process = __priority_which_t(PRIO_PROCESS.rawValue)
    if getpriority(process, 0) < nice { setpriority(process, 0, nice) }
    let call = Signal()
    while true {
      let (job, isEnding) = line.withLock { line -> (HashingJob?, Bool) in
        guard line.jobs.isEmpty else {
          line.running += 1
          return (line.jobs.removeFirst(), false)
        }
        if !line.isEnding { line.idle.append(call) }
        return (nil, line.isEnding)
      }
      guard !isEnding else { return }
      guard let job else {
        call.wait()
        continue
      }
      job.body()
      line.withLock { $0.running -= 1 }
      job.done.raise()
    }
  }
}

/// One hash to be made.
private final class HashingJob: Sendable {
  let body: @Sendable () -> Void
  let done = Signal()

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
