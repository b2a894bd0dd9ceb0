// SIGTERM and SIGINT, as a descriptor that becomes readable.
//
// The signals are blocked in the threads that serve, since libfcgi takes an interrupted read for a
// broken connection. But a program may have other threads before it serves, and the kernel picks
// any that does not block: so the signal is caught by a handler, wherever it runs, and not waited
// for. The handler is in place before libfcgi looks whether it should install its own.

import CSystem
import Glibc
import Synchronization

private let signalled = Atomic<Int32>(-1)

/// Catches SIGTERM and SIGINT from here on, for the whole life of the process.
///
/// - Returns: A descriptor that becomes readable with the first of them.
/// - Throws: `SystemError` for want of a descriptor.
func catchEndSignals() throws(SystemError) -> Int32 {
  let number = eventfd(0, Int32(EFD_CLOEXEC))
  guard number >= 0 else { throw SystemError("eventfd") }
  signalled.store(number, ordering: .releasing)
  for end in [SIGTERM, SIGINT] {
    signal(end) { _ in
      // Only what a handler may do, and nobody's errno is changed.
      let before = errno
      var one: UInt64 = 1
      _ = unsafe write(signalled.load(ordering: .acquiring), &one, 8)
      errno = before
    }
  }
  return number
}

/// Keeps the signals from the calling thread and from those that it starts.
func blockEndSignals() {
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe sigaddset(&signals, SIGTERM)
  unsafe sigaddset(&signals, SIGINT)
  unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
