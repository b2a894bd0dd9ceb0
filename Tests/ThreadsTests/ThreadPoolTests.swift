import Testing
import Threads

@Suite struct `A thread pool` {
  @Test(arguments: [1, 2, 3, 8])
  func `gives every item to one thread, and keeps their order`(_ size: Int) {
    let pool = ThreadPool(size: size)
    for count in [0, 1, 2, 3, 100, 1_000] {
      let seen = Locked([Int]())
      let results = pool.concurrentMap(Array(0..<count)) { item in
        seen.withLock { $0.append(item) }
        return item * 3
      }
      #expect(results == (0..<count).map { $0 * 3 })
      #expect(seen.withLock { $0.sorted() } == Array(0..<count))
    }
  }

  @Test func `works on several items at once`() {
    let pool = ThreadPool(size: 2)
    let meeting = [Signal(), Signal()]
    // Each waits for the other: one after the other they would never end.
    let met = pool.concurrentMap([0, 1]) { item in
      meeting[1 - item].raise()
      return meeting[item].wait(until: Deadline(after: .seconds(20)))
    }
    #expect(met == [true, true])
  }

  @Test func `of one does it alone`() {
    let met = ThreadPool(size: 1).concurrentMap([0, 1, 2]) { $0 + 1 }
    #expect(met == [1, 2, 3])
  }
}
