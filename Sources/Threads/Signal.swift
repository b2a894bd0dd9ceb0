import CSystem
import Glibc

/// A point in time on the monotonic clock, which nobody can set.
package struct Deadline: Sendable {
  fileprivate let time: timespec

  /// The point in time that lies this long after now.
  package init(after duration: Duration) {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let (seconds, attoseconds) = duration.components
    let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
    time = timespec(
      tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
      tv_nsec: nanoseconds % 1_000_000_000)
  }

  /// The number of milliseconds until this point in time, rounded up; 0 if it has passed.
  package var millisecondsLeft: Int {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let nanoseconds = (time.tv_sec - now.tv_sec) * 1_000_000_000 + time.tv_nsec - now.tv_nsec
    return max(0, (nanoseconds + 999_999) / 1_000_000)
  }
}

/// An auto-reset event: one thread raises it, another waits for it, and waiting lowers it again.
@safe package final class Signal: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let condition: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
  private var isRaised = false

  package init() {
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Raises the event, and wakes the thread that waits for it.
  package func raise() {
    unsafe pthread_mutex_lock(mutex)
    isRaised = true
    unsafe pthread_cond_signal(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits until the event is raised, and lowers it.
  package func wait() {
    unsafe pthread_mutex_lock(mutex)
    while !isRaised { unsafe pthread_cond_wait(condition, mutex) }
    isRaised = false
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits until the event is raised or the deadline has passed.
  ///
  /// - Returns: Whether the event was raised.
  package func wait(until deadline: Deadline) -> Bool {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    var time = deadline.time
    while !isRaised {
      guard unsafe pthread_cond_timedwait(condition, mutex, &time) == 0 else { return false }
    }
    isRaised = false
    return true
  }
}
