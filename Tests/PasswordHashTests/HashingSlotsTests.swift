import Foundation
import PasswordHash
import Testing

/// OWASP ASVS 5.0 15.2.2; T118.
@Suite struct `Hashing slots` {
  @Test func `run as many at once as there are, and never more`() throws {
    let slots = HashingSlots(slots: 3, queue: 100, nice: 0)
    let counts = Shared((now: 0, most: 0, done: 0))
    let meeting = DispatchSemaphore(value: 0)
    let threads = (0..<24).map { index in
      thread {
        try? slots.run {
          counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
          }
          // The first three wait for one another: so many do run at once.
          if index < 3 { meeting.signal() }
          sched_yield()
          counts.withLock { counts in
            counts.now -= 1
            counts.done += 1
          }
        }
      }
    }
    for thread in threads { thread.wait() }
    let result = counts.withLock { $0 }
    #expect(result.most <= 3 && result.done == 24)
  }

  @Test func `are handed on in the order of the calls, and a full queue refuses at once`() throws {
    let slots = HashingSlots(slots: 1, queue: 3, nice: 0)
    let order = Shared<[Int]>([])
    let held = DispatchSemaphore(value: 0)
    let isHeld = DispatchSemaphore(value: 0)
    let holder = thread {
      try? slots.run {
        isHeld.signal()
        held.wait()
      }
    }
    isHeld.wait()
    let waiters = (1...3).map { number in
      let waiter = thread {
        try? slots.run { order.withLock { $0.append(number) } }
      }
      while slots.waitingCount < number { sched_yield() }
      return waiter
    }
    #expect(throws: HashingError.busy) { try slots.run {} }
    held.signal()
    for waiter in waiters { waiter.wait() }
    holder.wait()
    #expect(order.withLock { $0 } == [1, 2, 3])
    #expect(try slots.run { 4 } == 4)
  }

  @Test func `come back from a hash that failed`() throws {
    let slots = HashingSlots(slots: 1, queue: 0, nice: 0)
    for _ in 0..<3 {
      #expect(throws: HashingError.memory) {
        try slots.run { () throws(HashingError) in throw .memory }
      }
    }
    #expect(try slots.run { 1 } == 1)
  }

  /// A login must not slow `check` and `refresh` on the same cores.
  @Test func `step back behind other threads, and only their own thread`() {
    let inside = Shared<Int32>(0)
    let mine = niceness()
    thread {
      try? HashingSlots(slots: 1, queue: 0, nice: 5).run {
        inside.withLock { $0 = niceness() }
      }
    }.wait()
    #expect(inside.withLock { $0 } == max(mine, 5))
    #expect(niceness() == mine)
  }
}

private func niceness() -> Int32 {
  getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
}

/// Runs a body on a thread of its own, which can be waited for.
@discardableResult
private func thread(_ body: @escaping @Sendable () -> Void) -> DispatchGroup {
  let group = DispatchGroup()
  group.enter()
  Thread.detachNewThread {
    body()
    group.leave()
  }
  return group
}

/// A value that the threads of a test share.
///
/// Not the standard library's mutex, which the thread sanitizer does not see.
private final class Shared<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) {
    self.value = value
  }

  @discardableResult
  func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    try lock.withLock { try body(&value) }
  }
}
