package import Glibc

/// There is no room for another thread.
package struct NoThread: Error, Equatable {
  /// What `pthread_create` returned.
  package let code: Int32
}

/// What a thread runs.
private final class Start: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Starts a thread.
///
/// - Parameters:
///   - stackSize: In bytes.
///   - hidesSignals: Whether every signal is kept from it: for a thread that must not be
///     interrupted, in a commit for one, where others wait for signals.
///   - body: What the thread runs.
/// - Returns: The thread, to be joined or detached.
/// - Throws: `NoThread` if there is no room for another one.
package func startThread(
  stackSize: Int = 1 << 20, hidesSignals: Bool = false, _ body: @escaping @Sendable () -> Void
) throws(NoThread) -> pthread_t {
  var all = sigset_t()
  var before = sigset_t()
  unsafe sigfillset(&all)
  // A thread is born with its parent's mask: set before, so that no signal finds it open.
  if hidesSignals { unsafe pthread_sigmask(SIG_SETMASK, &all, &before) }
  defer { if hidesSignals { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) } }

  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  unsafe pthread_attr_setstacksize(&attributes, stackSize)
  defer { unsafe pthread_attr_destroy(&attributes) }
  // The thread releases what is retained here.
  let start = unsafe Unmanaged.passRetained(Start(body)).toOpaque()
  var thread = pthread_t()
  let code = unsafe pthread_create(
    &thread, &attributes,
    { argument in
      guard let argument = unsafe argument else { return nil }
      unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }, start)
  guard code == 0 else {
    unsafe Unmanaged<Start>.fromOpaque(start).release()
    throw NoThread(code: code)
  }
  return thread
}
