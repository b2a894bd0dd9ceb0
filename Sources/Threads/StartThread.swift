package import Glibc

/// The system refused to start a thread.
package struct NoThread: Error, Equatable {
  /// The error code that `pthread_create` returned.
  package let code: Int32
}

/// The closure that a thread runs, as an object that a C pointer can refer to.
private final class Start: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Starts a thread.
///
/// - Parameters:
///   - stackSize: The size of its stack in bytes.
///   - hidesSignals: Whether the thread blocks all signals. Use this for a thread that must not be
///     interrupted, for example during a commit; other threads then receive the signals.
///   - body: The closure that the thread runs.
/// - Returns: The thread. The caller must join or detach it.
/// - Throws: `NoThread` if the system refuses to start another thread.
package func startThread(
  stackSize: Int = 1 << 20, hidesSignals: Bool = false, _ body: @escaping @Sendable () -> Void
) throws(NoThread) -> pthread_t {
  var all = sigset_t()
  var before = sigset_t()
  unsafe sigfillset(&all)
  // A thread inherits the signal mask of its creator. Setting the mask before the start leaves no
  // moment in which the new thread could receive a signal.
  if hidesSignals { unsafe pthread_sigmask(SIG_SETMASK, &all, &before) }
  defer { if hidesSignals { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) } }

  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  unsafe pthread_attr_setstacksize(&attributes, stackSize)
  defer { unsafe pthread_attr_destroy(&attributes) }
  // The new thread balances this retain.
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
