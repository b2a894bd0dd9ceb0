// Turns SIGTERM and SIGINT into a descriptor that becomes readable.
//
// The serving threads block the signals, because libfcgi takes an interrupted read for a broken
// connection. A program may have started other threads before, and the kernel delivers a signal to
// any thread that does not block it. So a handler, which may run on any thread, catches the signals
// instead of sigwait. It is installed before libfcgi checks whether to install its own.

import CSystem
import Glibc
import Synchronization

private let signalled = Atomic<Int32>(-1)

/// Installs handlers for SIGTERM and SIGINT, for the rest of the process's life.
///
/// - Returns: A descriptor that becomes readable at the first signal.
/// - Throws: `SystemError` if there is no descriptor left.
func catchEndSignals() throws(SystemError) -> Int32 {
  let number = eventfd(0, Int32(EFD_CLOEXEC))
  guard number >= 0 else { throw SystemError("eventfd") }
  signalled.store(number, ordering: .releasing)
  for end in [SIGTERM, SIGINT] {
    signal(end) { _ in
      // A handler may only call async-signal-safe functions, and must not change errno.
      let before = errno
      var one: UInt64 = 1
      _ = unsafe write(signalled.load(ordering: .acquiring), &one, 8)
      errno = before
    }
  }
  return number
}

/// Blocks the signals in the calling thread and in the threads that it starts.
func blockEndSignals() {
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe sigaddset(&signals, SIGTERM)
  unsafe sigaddset(&signals, SIGINT)
  unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
