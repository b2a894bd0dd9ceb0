import CSystem
import Glibc

/// Milliseconds of a clock that nobody sets, exact to a few of them.
package func monotonicMilliseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
