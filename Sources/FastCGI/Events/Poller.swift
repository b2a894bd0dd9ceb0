// A wrapper of epoll, level-triggered.

import CSystem
import Glibc
import System

/// A set of descriptors, each with the events that are watched.
@safe final class Poller {
  static let readable = EPOLLIN.rawValue
  static let writable = EPOLLOUT.rawValue
  /// Readable; if several processes watch the descriptor, the kernel need not wake all of them.
  static let readableByOne = EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue

  private let epoll: Descriptor
  private var events: [epoll_event]

  init(eventCount: Int) throws(SystemError) {
    epoll = try opened(epoll_create1(Int32(EPOLL_CLOEXEC)), "epoll_create1")
    unsafe events = Array(repeating: epoll_event(), count: eventCount)
  }

  /// Waits for events.
  ///
  /// A negative timeout waits without limit.
  ///
  /// - Returns: The number of events, whose keys `key(_:)` returns.
  func wait(milliseconds: Int) -> Int {
    let count = unsafe events.withUnsafeMutableBufferPointer { events in
      // The pointer is optional up to glibc 2.36, but not in 2.41 (Debian 13).
      guard let first = events.baseAddress else { return Int32(0) }
      return unsafe epoll_wait(epoll.number, first, Int32(events.count), Int32(milliseconds))
    }
    return max(0, Int(count))
  }

  /// The key of an event of the last `wait`.
  func key(_ index: Int) -> UInt64 { unsafe events[index].data.u64 }

  func add(_ descriptor: Int32, _ events: UInt32, key: UInt64) -> Bool {
    control(EPOLL_CTL_ADD, descriptor, events, key)
  }

  func change(_ descriptor: Int32, _ events: UInt32, key: UInt64) -> Bool {
    control(EPOLL_CTL_MOD, descriptor, events, key)
  }

  func remove(_ descriptor: Int32) {
    _ = control(EPOLL_CTL_DEL, descriptor, 0, 0)
  }

  private func control(
    _ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ key: UInt64
  ) -> Bool {
    var event = unsafe epoll_event()
    unsafe event.events = events
    unsafe event.data.u64 = key
    return unsafe epoll_ctl(epoll.number, operation, descriptor, &event) == 0
  }
}
