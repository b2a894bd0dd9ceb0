import CArgon2
import Glibc
import Threads

/// A thread pool with a bounded queue for password hashes.
///
/// The number of slots limits the memory, the length of the queue limits the waiting time. If both
/// are full, the client is asked to try again later (OWASP ASVS 5.0 15.2.2).
package final class HashingSlots: Sendable {
  /// The default length of the queue: about one second of work for two cores.
  package static let queueLength = 64

  private struct Line {
    /// The jobs that wait, in the order of the calls.
    var jobs: [HashingJob] = []
    /// The number of jobs in progress.
    var running = 0
    var threads = 0
    /// The events on which idle threads wait.
    var idle: [Signal] = []
    var isEnding = false
  }

  private let slots: Int
  private let queue: Int
  private let nice: Int32
  private let line = Locked(Line())

  /// Makes a pool.
  ///
  /// Its threads start when they are first needed.
  ///
  /// - Parameters:
  ///   - slots: The number of hashes that run at once. The default is the number of cores.
  ///   - queue: The number of further hashes that may wait.
  ///   - nice: The nice value of the hashing threads, so that threads that answer within
  ///     microseconds take precedence.
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

  /// The number of hashes that wait for a slot.
  package var waitingCount: Int { line.withLock { $0.jobs.count } }

  /// Runs the body when a slot is free, in the order of the calls, and waits for its result.
  ///
  /// Pool threads run the hashes while the callers wait. When callers hashed on their own threads,
  /// a core was idle between the end of one hash and the wake-up of the next caller.
  ///
  /// - Parameter body: The function that hashes.
  /// - Returns: The result of the body.
  /// - Throws: `busy`, immediately, if the queue is full; otherwise the error of the body.
  package func run<T: Sendable>(
    _ body: @escaping @Sendable () throws(HashingError) -> T
  ) throws(HashingError) -> T {
    let outcome = Locked<Result<T, HashingError>?>(nil)
    let job = HashingJob {
      let result = Result { () throws(HashingError) in try body() }
      outcome.withLock { $0 = result }
    }
    let isTaken = try enter(job)
    // If the system refuses to start a thread, the caller runs the body itself.
    if isTaken { job.done.wait() } else { job.body() }
    guard let result = outcome.withLock({ $0 }) else { throw .memory }
    return try result.get()
  }

  /// Appends a job to the queue, and wakes or starts a thread for it.
  ///
  /// - Returns: False if the pool has no thread, so that the caller must run the job.
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

  /// The main loop of a pool thread.
  ///
  /// It ends when the pool is deinitialized.
  private static func work(_ line: Locked<Line>, nice: Int32) {
    // On Linux, setpriority changes the nice value of the calling thread only.
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

/// One hash that a pool thread has to compute.
private final class HashingJob: Sendable {
  let body: @Sendable () -> Void
  let done = Signal()

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
