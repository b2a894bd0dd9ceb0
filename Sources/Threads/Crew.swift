import Glibc
import Synchronization

/// Threads that help the one that calls: what is independent is worked on by all cores at once.
///
/// The helpers start with the first work that is worth it, and wait without cost between two.
package final class Crew: Sendable {
  private struct Roster {
    var work: (any Work)?
    /// How many helpers were started; nil before the first work.
    var helpers: Int?
  }

  private let roster = Locked(Roster())
  private let calls: [Signal]

  /// - Parameter size: How many threads work, the caller among them; the cores if left out, up to
  ///   eight: beyond that waking them takes longer than what is left for each.
  package init(size: Int? = nil) {
    let size = size ?? min(8, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    calls = (0..<max(0, size - 1)).map { _ in Signal() }
  }

  /// Calls the body with each item, on several threads, and returns when all have ended.
  ///
  /// One caller at a time: it is for the thread of an event loop.
  ///
  /// - Returns: What the body returned, in the order of the items.
  package func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    // Waking somebody costs more than it saves where there is nothing to share.
    guard items.count > 1, !calls.isEmpty else { return items.map(body) }
    let work = SharedWork(items, body)
    let helpers = roster.withLock { roster in
      roster.work = work
      let helpers = roster.helpers ?? startHelpers()
      roster.helpers = helpers
      return helpers
    }
    for call in calls.prefix(min(helpers, items.count - 1)) { call.raise() }
    work.help()
    work.isDone.wait()
    roster.withLock { $0.work = nil }
    return work.takeResults()
  }

  /// As many as there is room for: with none, the caller does it all.
  private func startHelpers() -> Int {
    var started = 0
    for call in calls {
      let thread = try? startThread(stackSize: 1 << 18, hidesSignals: true) { [roster] in
        while true {
          call.wait()
          roster.withLock { $0.work }?.help()
        }
      }
      guard let thread else { break }
      pthread_detach(thread)
      started += 1
    }
    return started
  }
}

/// What a helper is called for; whoever comes late finds nothing left of it.
private protocol Work: Sendable {
  func help()
}

/// The items of one call, and what became of them.
@safe private final class SharedWork<Item: Sendable, Result: Sendable>: Work, @unchecked Sendable {
  // Sendable: each place is written by the one thread that took its index, and read by the caller
  // after `isDone`.
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

  /// Takes items until none is left; whoever ends the last one says so.
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
