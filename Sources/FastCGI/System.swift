// Wrappers of system calls that several files use.

import CSystem
import Glibc
import System
import Threads

/// A system call that failed.
struct SystemError: Error {
  let call: String
  let object: String
  let code: Int32

  init(_ call: String, _ object: String = "", code: Int32 = errno) {
    self.call = call
    self.object = object
    self.code = code
  }

  init(_ error: NoThread) {
    self.init("pthread_create", code: error.code)
  }

  /// The call, its object and the system's message in one line.
  var message: String {
    let subject = object.isEmpty ? call : "\(call) \(object)"
    return "\(subject): \(systemMessage(code))"
  }
}

/// A descriptor that is closed when its owner is deinitialized.
struct Descriptor: ~Copyable {
  let number: Int32

  init(_ number: Int32, _ call: String) throws(SystemError) {
    guard number >= 0 else { throw SystemError(call) }
    self.number = number
  }

  deinit { _ = close(number) }
}

/// A flag that wakes every thread that polls it, and that remains set.
struct StopFlag: ~Copyable, Sendable {
  private let descriptor: Descriptor

  init() throws(SystemError) {
    descriptor = try Descriptor(eventfd(0, Int32(EFD_CLOEXEC)), "eventfd")
  }

  /// A descriptor that is readable after `raise`.
  var number: Int32 { descriptor.number }

  func raise() {
    var one: UInt64 = 1
    _ = unsafe Glibc.write(number, &one, 8)
  }
}

/// Waits until at least one of up to three descriptors is readable.
///
/// Negative ones are ignored.
///
/// A negative timeout waits without limit.
///
/// - Returns: The descriptors that are readable or closed by the peer; none after the timeout.
func waitForInput(
  _ first: Int32, _ second: Int32 = -1, _ third: Int32 = -1, milliseconds: Int32
) -> (first: Bool, second: Bool, third: Bool) {
  let events = Int16(POLLIN)
  var polled: [3 of pollfd] = [
    pollfd(fd: first, events: events, revents: 0), pollfd(fd: second, events: events, revents: 0),
    pollfd(fd: third, events: events, revents: 0),
  ]
  let count = unsafe withUnsafeMutablePointer(to: &polled) { array in
    unsafe array.withMemoryRebound(to: pollfd.self, capacity: 3) {
      unsafe poll($0, 3, milliseconds)
    }
  }
  guard count > 0 else { return (false, false, false) }
  return (polled[0].revents != 0, polled[1].revents != 0, polled[2].revents != 0)
}

/// Writes all bytes.
///
/// It returns false if the descriptor fails before that.
@discardableResult
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var written = 0
  while written < bytes.count {
    let count = unsafe bytes.withUnsafeBytes { buffer in
      let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
      return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
    }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return false }
    written += count
  }
  return true
}

extension Duration {
  /// The duration in whole milliseconds, for poll and epoll_wait.
  var milliseconds: Int {
    Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)
  }
}

/// The time of the monotonic clock in milliseconds.
func monotonicMilliseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
