import Glibc

/// A value that one thread at a time may touch.
///
/// A mutex of the system and not the standard library's: this one the thread sanitizer sees, and
/// what it cannot see it cannot check. The value must not be empty: the sanitizer takes the place of
/// such a one for the object's own.
@safe package final class Locked<Value: ~Copyable>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private var value: Value

  package init(_ value: consuming Value) {
    self.value = value
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Works on the value alone; nobody else sees it meanwhile.
  package func withLock<Result, Failure>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
