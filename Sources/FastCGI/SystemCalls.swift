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

/// The descriptor that a system call returned.
///
/// - Throws: `SystemError` with `errno` if the number is negative.
func opened(_ number: Int32, _ call: String) throws(SystemError) -> Descriptor {
  guard number >= 0 else { throw SystemError(call) }
  return Descriptor(owning: number)
}

/// A flag that wakes every thread that polls it, and that remains set.
struct StopFlag: ~Copyable, Sendable {
  private let descriptor: Descriptor

  init() throws(SystemError) {
    descriptor = try opened(eventfd(0, Int32(EFD_CLOEXEC)), "eventfd")
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
/// Negative descriptors are ignored. A negative timeout waits without limit.
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

extension Duration {
  /// The duration in whole milliseconds, for poll and epoll_wait.
  var milliseconds: Int {
    Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)
  }
}
