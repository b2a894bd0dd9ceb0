// Limits log lines that strangers can cause: for each key one line a second, then one with a count.
//
// The caller decides which events are limited (`Log.writeLimited`). `EventWindows` is the rule, and
// `RepeatedEvents` has the thread that writes the counts. T228 and T234 apply to these lines too.

import Glibc
import System
import Threads

/// The limited events of the last second, grouped by key.
///
/// It reads no clock; the time is an argument.
struct EventWindows<Key: Hashable & Sendable, Line> {
  private struct Window {
    let endsAt: Int
    var count: Int64
    var last: Line?
  }

  /// The maximum number of keys; events beyond it share the key `others`.
  private let capacity: Int
  private let length: Int
  private let others: Key
  private var windows: [Key: Window] = [:]

  /// - Parameters:
  ///   - length: The length of a window in milliseconds; one line represents its events.
  ///   - capacity: The maximum number of keys.
  ///   - others: The key of all events beyond the capacity.
  init(length: Int, capacity: Int, others: Key) {
    self.length = length
    self.capacity = capacity
    self.others = others
  }

  var isEmpty: Bool { windows.isEmpty }

  /// Records an event.
  ///
  /// - Parameters:
  ///   - key: The key; events with the same key are counted together.
  ///   - line: The line for the count; a window uses the line of its last event.
  ///   - now: The time of a monotonic clock in milliseconds.
  /// - Returns: Whether the event opens a window, so that it must be written at once.
  mutating func note(_ key: Key, _ line: Line, at now: Int) -> Bool {
    if windows[key] == nil, windows.count >= capacity { forgetFinished(at: now) }
    let key = windows[key] == nil && windows.count >= capacity ? others : key
    // A window that has ended but is not closed yet goes on counting, so that no event is lost.
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

  /// Closes the windows that have ended.
  ///
  /// - Parameter now: The time of a monotonic clock in milliseconds; nil closes all windows.
  /// - Returns: The lines and counts of the windows in which events were left out.
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

/// Counts repeated events, and writes the counts from a thread that exists only while it is needed.
final class RepeatedEvents: Sendable {
  typealias Line = @Sendable (_ count: Int64) -> Void

  private struct State {
    var windows = EventWindows<String, Line>(length: 1_000, capacity: 1_024, others: "others")
    var isRunning = false
  }

  private let state = Locked(State())

  /// Records an event.
  ///
  /// - Parameters:
  ///   - key: The key; events with the same key are counted together.
  ///   - line: Writes a line with the number of events that were left out.
  /// - Returns: Whether the event must be written at once.
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

  /// Writes all outstanding counts.
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
