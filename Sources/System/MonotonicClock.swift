import CSystem
import Glibc

/// The time of the monotonic clock in milliseconds, with a precision of a few milliseconds.
package func monotonicMilliseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
