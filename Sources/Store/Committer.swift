import Accounts
import Glibc
import Threads

/// The one thread of a process that writes.
///
/// Callers queue their jobs and wait. While one transaction goes to the disk the next jobs gather,
/// and the thread takes all that wait into the next: they share its fsync. The thread, and not the
/// callers, waits for the other processes, so that a caller can give up in time.
final class Committer: @unchecked Sendable {
  // Sendable: the queue has its lock, and `lock` and `writer` belong to the thread.

  private struct Queue {
    var jobs: [PendingJob] = []
    var thread: pthread_t?
    var isStopping = false
  }

  private let files: OpenFiles
  private let options: StoreOptions
  private let queue = Locked(Queue())
  private let work = Signal()
  private let lock: WriteLock
  private var writer: Writer?

  init(of files: OpenFiles, options: StoreOptions) {
    self.files = files
    self.options = options
    lock = WriteLock(of: files.path)
  }

  /// Runs a body for each item in a transaction of its own, in their order, and waits for the
  /// commit.
  ///
  /// - Parameters:
  ///   - items: What each transaction is about.
  ///   - body: What reads and writes; what it throws for one item undoes that one.
  /// - Returns: What each returned, committed, or why it was undone; `busy` for all after the
  ///   store's patience.
  func write<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ body: @escaping Job<Item, Value>.Body
  ) -> [Result<Value, StoreError>] {
    let job = Job(items, body)
    let deadline = Deadline(after: options.patience)
    guard enqueue(job) else { return job.results }
    if !job.done.wait(until: deadline), !withdraw(job) {
      // Taken just now: its end is near, and must not be reported as if nothing was written.
      job.done.wait()
    }
    return job.results
  }

  /// Ends the thread after the jobs that wait.
  func stop() {
    let thread = queue.withLock { queue in
      queue.isStopping = true
      return queue.thread
    }
    guard let thread else { return }
    work.raise()
    pthread_join(thread, nil)
  }

  /// Has the thread close its connection if it is of no more use and may be closed.
  func closeIdle() {
    work.raise()
  }

  /// Queues a job for the thread; false if there is none.
  private func enqueue(_ job: PendingJob) -> Bool {
    let isStarted = queue.withLock { queue in
      if queue.thread == nil {
        queue.thread = try? startThread(hidesSignals: true) { self.loop() }
      }
      guard queue.thread != nil else { return false }
      queue.jobs.append(job)
      return true
    }
    if isStarted { work.raise() }
    return isStarted
  }

  private func withdraw(_ job: PendingJob) -> Bool {
    queue.withLock { queue in
      guard let index = queue.jobs.firstIndex(where: { $0 === job }) else { return false }
      queue.jobs.remove(at: index)
      return true
    }
  }

  private func take(_ count: Int) -> [PendingJob] {
    queue.withLock { queue in
      let taken = Array(queue.jobs.prefix(count))
      queue.jobs.removeFirst(taken.count)
      return taken
    }
  }

  /// Jobs in the queue.
  var waiting: Int {
    queue.withLock { $0.jobs.count }
  }
}

extension Committer {
  private func loop() {
    while true {
      work.wait()
      while waiting > 0 { commitNext() }
      if files.areLost { closeWriter() }
      if queue.withLock({ $0.isStopping && $0.jobs.isEmpty }) { break }
    }
    writer = nil
  }

  /// Takes the lock and commits what waits by then.
  private func commitNext() {
    do throws(StoreError) {
      try lock.hold { held throws(StoreError) in
        let writer = try openWriter(under: held)
        try files.verify(writer.connection)
        guard try begin(writer, under: held) else { return }
        commit(writer, under: held)
      }
    } catch {
      closeWriter()
      files.settle()
      finish(take(.max), with: error)
    }
  }

  private func closeWriter() {
    if let writer, files.mayClose(writer.connection, isPatient: true) { self.writer = nil }
  }

  private func commit(_ writer: Writer, under held: borrowing WriteLock.Held) {
    let jobs = take(options.batch)
    do throws(StoreError) {
      try writer.commit(jobs, under: held)
      // Their callers need not wait for the checkpoint.
      finish(jobs, with: nil)
      writer.checkpointIfDue(under: held)
    } catch {
      finish(jobs, with: error)
      // A log that was copied can start anew in the room it has; whatever else broke, the next
      // transaction starts from the file as it is then.
      if error == .full {
        writer.checkpoint(under: held)
      } else if files.mayClose(writer.connection) {
        self.writer = nil
      }
    }
  }

  private func openWriter(
    under held: borrowing WriteLock.Held
  ) throws(StoreError) -> Writer {
    if let writer { return writer }
    let opened = try Writer(of: files, options: options, under: held)
    writer = opened
    return opened
  }

  /// Begins a transaction; false when every caller has given up meanwhile.
  private func begin(
    _ writer: Writer, under held: borrowing WriteLock.Held
  ) throws(StoreError) -> Bool {
    while waiting > 0 {
      do throws(StoreError) {
        // A writer that does not know our lock, the sqlite3 shell: short waits, so that callers
        // who gave up are noticed.
        try writer.begin(within: .milliseconds(100), under: held)
        return true
      } catch {
        guard error == .busy else { throw error }
      }
    }
    return false
  }

  private func finish(_ jobs: [PendingJob], with failure: StoreError?) {
    for job in jobs {
      if let failure {
        for index in 0..<job.count { job.fail(index, with: failure) }
      }
      job.done.raise()
    }
  }
}
