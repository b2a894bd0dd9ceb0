import Testing

@testable import Logging

@Suite struct `Events that repeat` {
  /// A class, because `#expect` cannot call what changes a value.
  private final class Windows {
    private var windows: EventWindows<String, String>

    init(capacity: Int = 8) {
      windows = EventWindows(length: 1_000, capacity: capacity, others: "others")
    }

    var isEmpty: Bool { windows.isEmpty }

    func note(_ key: String, _ line: String, at now: Int) -> Bool {
      windows.note(key, line, at: now)
    }

    func close(at now: Int?) -> [(line: String, count: Int64)] { windows.close(at: now) }
  }

  @Test func `are written once a second, and counted`() {
    let windows = Windows()
    #expect(windows.note("a", "1", at: 0))
    for place in 1...1_199 { #expect(!windows.note("a", "\(place + 1)", at: place / 2)) }
    #expect(windows.close(at: 999).isEmpty)
    let closed = windows.close(at: 1_000)
    #expect(closed.map(\.count) == [1_199] && closed.map(\.line) == ["1200"])
    #expect(windows.isEmpty)
    #expect(windows.note("a", "1201", at: 1_000))
  }

  @Test func `of different kinds or networks do not hide one another`() {
    let windows = Windows()
    #expect(windows.note("a", "", at: 0) && windows.note("b", "", at: 0))
    #expect(!windows.note("a", "", at: 1) && !windows.note("b", "", at: 1))
  }

  @Test func `are counted also when nobody has closed their window in time`() {
    let windows = Windows()
    #expect(windows.note("a", "", at: 0))
    #expect(!windows.note("a", "", at: 1))
    #expect(!windows.note("a", "", at: 5_000))
    #expect(windows.close(at: nil).map(\.count) == [2])
  }

  @Test func `that happen once leave nothing to write`() {
    let windows = Windows()
    #expect(windows.note("a", "", at: 0))
    #expect(windows.close(at: 2_000).isEmpty && windows.isEmpty)
  }

  @Test func `of more networks than can be told apart are one network's`() {
    let windows = Windows(capacity: 3)
    for key in ["a", "b", "c"] { #expect(windows.note(key, "", at: 0)) }
    #expect(windows.note("d", "", at: 1))
    for place in 0..<1_000 { #expect(!windows.note("e\(place)", "", at: 2)) }
    #expect(windows.close(at: nil).map(\.count) == [1_000])
    // Windows that are over make room again.
    for key in ["a", "b", "c"] { #expect(windows.note(key, "", at: 10_000)) }
    #expect(windows.note("d", "", at: 11_001))
    #expect(!windows.note("d", "", at: 11_002))
  }
}
