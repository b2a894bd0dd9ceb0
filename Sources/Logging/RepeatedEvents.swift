// Limits log lines that strangers can cause: one a second for each key, then one with a count.
//
// The caller decides which events are limited (`Log.writeLimited`). The rule is `EventWindows`; the
// thread that writes the counts is `RepeatedEvents`. T228 and T234 hold for these lines too.

import Glibc
import System
import Threads

/// Events of the last second, by what makes two of them the same.
///
/// A rule without a clock: the time is an argument.
struct EventWindows<Key: Hashable & Sendable, Line> {
  private struct Window {
    let endsAt: Int
    var count: Int64
    var last: Line?
  }

  /// How many keys are told apart; beyond it events count as one key's.
  private let capacity: Int
  private let length: Int
  private let others: Key
  private var windows: [Key: Window] = [:]

  /// - Parameters:
  ///   - length: How long one line stands for the events after it, in milliseconds.
  ///   - capacity: How many keys are told apart.
  ///   - others: The key of all events beyond the capacity.
  init(length: Int, capacity: Int, others: Key) {
    self.length = length
    self.capacity = capacity
    self.others = others
  }

  var isEmpty: Bool { windows.isEmpty }

  /// Notes an event.
  ///
  /// - Parameters:
  ///   - key: What makes two events the same.
  ///   - line: The line to write with the count; the last one of a window is used.
  ///   - now: Milliseconds of a monotonic clock.
  /// - Returns: Whether the event opens a window and is to be written at once.
  mutating func note(_ key: Key, _ line: Line, at now: Int) -> Bool {
    if windows[key] == nil, windows.count >= capacity { forgetFinished(at: now) }
    let key = windows[key] == nil && windows.count >= capacity ? others : key
    // A window that is over but was not closed yet keeps its count, so that nothing is lost.
    if var window = windows[key], now < window.endsAt || window.count > 0 {
      window.count += 1
      window.last = line
      windows[key] = window
      return false
    }
    windows[key] = Window(endsAt: now + length, count: 0, last: nil)
    return true
  }

  private mutating func forgetFinished(at now: Int) {
    windows = windows.filter { now < $0.value.endsAt || $0.value.count > 0 }
  }

  /// Closes windows that are over.
  ///
  /// - Parameter now: Milliseconds of a monotonic clock; nil closes all of them.
  /// - Returns: The lines with their counts, of windows in which something was left out.
  mutating func close(at now: Int?) -> [(line: Line, count: Int64)] {
    var closed: [(line: Line, count: Int64)] = []
    for (key, window) in windows {
      if let now, now < window.endsAt { continue }
      if let line = window.last { closed.append((line, window.count)) }
      windows[key] = nil
    }
    return closed
  }
}

/// Counts events that repeat, and writes the counts from a thread that lives while there are some.
final class RepeatedEvents: Sendable {
  typealias Line = @Sendable (_ count: Int64) -> Void

  private struct State {
    var windows = EventWindows<String, Line>(length: 1_000, capacity: 1_024, others: "others")
    var isRunning = false
  }

  private let state = Locked(State())

  /// Notes an event.
  ///
  /// - Parameters:
  ///   - key: What makes two events the same.
  ///   - line: Writes the line with the count of events that were left out.
  /// - Returns: Whether the event is to be written at once.
  func note(_ key: String, _ line: @escaping Line) -> Bool {
    let (isFirst, mustStart) = state.withLock { state in
      let isFirst = state.windows.note(key, line, at: monotonicMilliseconds())
      let mustStart = !isFirst && !state.isRunning
      if mustStart { state.isRunning = true }
      return (isFirst, mustStart)
    }
    guard mustStart else { return isFirst }
    let thread = try? startThread(stackSize: 1 << 18, hidesSignals: true) { [state] in
      RepeatedEvents.closeWindows(of: state)
    }
    if let thread {
      pthread_detach(thread)
    } else {
      state.withLock { $0.isRunning = false }
    }
    return isFirst
  }

  /// Writes every count that is outstanding.
  func flush() {
    for (line, count) in state.withLock({ $0.windows.close(at: nil) }) { line(count) }
  }

  private static func closeWindows(of state: Locked<State>) {
    let pause = Signal()
    while true {
      _ = pause.wait(until: Deadline(after: .milliseconds(250)))
      let (closed, isOver) = state.withLock { state in
        let closed = state.windows.close(at: monotonicMilliseconds())
        if state.windows.isEmpty { state.isRunning = false }
        return (closed, state.windows.isEmpty)
      }
      for (line, count) in closed { line(count) }
      if isOver { return }
    }
  }
}
