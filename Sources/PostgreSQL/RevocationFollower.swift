import Accounts
import Glibc
import Threads

/// Tells the revocation mark: asked for each time, or followed in the background and never older
/// than what is allowed.
final class RevocationFollower: Sendable {
  private struct State {
    var mark: RevocationMark?
    /// Until when the mark counts.
    var expiry = Deadline(after: .zero)
    var thread: pthread_t?
    var isStopping = false
  }

  private let staleness: Duration
  private let ask: @Sendable () throws(StoreError) -> RevocationMark
  private let state = Locked(State())
  private let stopping = Signal()

  /// - Parameters:
  ///   - staleness: How old the mark may be; zero asks each time.
  ///   - ask: Asks the server.
  init(staleness: Duration, ask: @escaping @Sendable () throws(StoreError) -> RevocationMark) {
    self.staleness = staleness
    self.ask = ask
  }

  /// The mark, no older than what is allowed.
  ///
  /// - Throws: What asking met, if what is known is too old.
  func mark() throws(StoreError) -> RevocationMark {
    guard staleness > .zero else { return try ask() }
    let known = state.withLock { state -> RevocationMark? in
      start(&state)
      return state.expiry.millisecondsLeft > 0 ? state.mark : nil
    }
    if let known { return known }
    return try refresh()
  }

  /// Asks, and counts the age from before the question.
  private func refresh() throws(StoreError) -> RevocationMark {
    let expiry = Deadline(after: staleness)
    let mark = try ask()
    state.withLock { ($0.mark, $0.expiry) = (mark, expiry) }
    return mark
  }

  private func start(_ state: inout State) {
    guard state.thread == nil, !state.isStopping else { return }
    // Several questions within the age, so that one that is late or lost does no harm.
    let pause = max(.milliseconds(20), min(.seconds(1), staleness / 5))
    state.thread = try? startThread(hidesSignals: true) { [self] in
      while !stopping.wait(until: Deadline(after: pause)) { _ = try? refresh() }
    }
  }

  /// Ends the background thread.
  func stop() {
    let thread = state.withLock { state in
      state.isStopping = true
      return state.thread
    }
    guard let thread else { return }
    stopping.raise()
    pthread_join(thread, nil)
  }
}
