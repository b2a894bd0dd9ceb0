import Glibc
import Synchronization

/// A thread pool for data-parallel loops: the calling thread and its helpers share the items.
///
/// The helper threads start at the first call with more than one item, and sleep between calls.
package final class ThreadPool: Sendable {
  private struct State {
    var work: (any Work)?
    /// The number of helper threads that were started; nil before the first call that needs them.
    var helpers: Int?
  }

  private let state = Locked(State())
  private let calls: [Signal]

  /// - Parameter size: The number of threads, including the caller. The default is the number of
  ///   cores, at most eight: with more, waking them takes longer than their share of the work.
  package init(size: Int? = nil) {
    let size = size ?? min(8, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    calls = (0..<max(0, size - 1)).map { _ in Signal() }
  }

  /// Calls the body once for each item, on several threads, and waits until all have returned.
  ///
  /// Only one thread at a time may call this method: the thread of an event loop.
  ///
  /// - Returns: The results, in the order of the items.
  package func concurrentMap<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    // Waking a thread costs more than it saves for a single item.
    guard items.count > 1, !calls.isEmpty else { return items.map(body) }
    let work = SharedWork(items, body)
    let helpers = state.withLock { state in
      state.work = work
      let helpers = state.helpers ?? startHelpers()
      state.helpers = helpers
      return helpers
    }
    for call in calls.prefix(min(helpers, items.count - 1)) { call.raise() }
    work.help()
    work.isDone.wait()
    state.withLock { $0.work = nil }
    return work.takeResults()
  }

  /// Starts the helper threads, as many as the system allows.
  ///
  /// - Returns: Their number. If it is 0, the caller works alone.
  private func startHelpers() -> Int {
    var started = 0
    for call in calls {
      let thread = try? startThread(stackSize: 1 << 18, hidesSignals: true) { [state] in
        while true {
          call.wait()
          state.withLock { $0.work }?.help()
        }
      }
      guard let thread else { break }
      pthread_detach(thread)
      started += 1
    }
    return started
  }
}

/// Work that helpers take part in.
///
/// A helper that comes late finds no items left.
private protocol Work: Sendable {
  func help()
}

/// The items of one call, and their results.
@safe private final class SharedWork<Item: Sendable, Result: Sendable>: Work, @unchecked Sendable {
  // Sendable: only the thread that took an index writes that element of `results`, and the caller
  // reads them after `isDone`.
  let isDone = Signal()
  private let items: [Item]
  private let body: @Sendable (Item) -> Result
  private let results: UnsafeMutableBufferPointer<Result?>
  private let next = Atomic(0)
  private let open: Atomic<Int>

  init(_ items: [Item], _ body: @escaping @Sendable (Item) -> Result) {
    self.items = items
    self.body = body
    open = Atomic(items.count)
    unsafe results = .allocate(capacity: items.count)
    unsafe results.initialize(repeating: nil)
  }

  deinit {
    unsafe results.deinitialize()
    unsafe results.deallocate()
  }

  /// Takes items until none is left.
  ///
  /// The thread that completes the last item raises `isDone`.
  func help() {
    while true {
      let index = next.add(1, ordering: .relaxed).oldValue
      guard index < items.count else { return }
      unsafe results[index] = body(items[index])
      if open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { isDone.raise() }
    }
  }

  func takeResults() -> [Result] {
    unsafe results.compactMap { $0 }
  }
}
