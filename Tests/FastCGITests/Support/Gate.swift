// Lets a test hold a handler where it wants it, without a clock.

import Dispatch
import Threads

final class Gate: Sendable {
  private let arrived = DispatchSemaphore(value: 0)
  private let opened = DispatchSemaphore(value: 0)
  private let list = Locked<[String]>([])

  /// A handler says that it is here, and waits.
  func pass() {
    arrived.signal()
    opened.wait()
  }

  func waitForArrival() { arrived.wait() }

  func open() { opened.signal() }

  func note(_ text: String) { list.withLock { $0.append(text) } }

  var notes: [String] { list.withLock { $0 } }
}
