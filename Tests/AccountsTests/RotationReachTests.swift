import Testing

@testable import Accounts

/// What the rule depends on; the model in `Model` reduces sessions to exactly that.
@Suite struct `The rule of rotation` {
  private let windows: [Duration] = [.zero, .seconds(10)]

  @Test func `looks at generations by their distance, and at whether the live one is first`() throws
  {
    for window in windows {
      for (live, shift) in [(2, 1), (3, 1), (5, 1_000), (5, 1 << 40)] as [(Int64, Int64)] {
        for lag in [0, 1] as [Int64] {
          for presented in max(1, live - 3)...live + 2 {
            for age in 0...12 as ClosedRange<Int64> {
              let near = try session(generation: live, confirmed: live - lag)
              let far = try session(generation: live + shift, confirmed: live + shift - lag)
              #expect(
                near.rotation(presenting: presented, at: start + age, reuseWindow: window)
                  == far.rotation(
                    presenting: presented + shift, at: start + age, reuseWindow: window))
            }
          }
        }
      }
    }
  }

  @Test func `looks at times by their age, and all ages beyond the window are one`() throws {
    for window in windows {
      let beyond = window.components.seconds + 1
      for (live, confirmed) in [(1, 1), (6, 5), (6, 6)] as [(Int64, Int64)] {
        for presented in max(1, live - 2)...live {
          func decision(sent: Int64, issued: Int64, at now: Int64) throws -> Rotation {
            try session(
              generation: live, confirmed: confirmed, rotated: -1_000, issued: now - issued,
              sent: now - sent
            ).rotation(presenting: presented, at: start + now, reuseWindow: window)
          }
          for sent in 0...40 as ClosedRange<Int64> {
            for issued in 0...sent {
              let expected = try decision(
                sent: min(sent, beyond), issued: min(issued, beyond), at: 0)
              #expect(try decision(sent: sent, issued: issued, at: 1 << 40) == expected)
            }
          }
        }
      }
    }
  }

  /// T198: one refresh after the other, on a clock that jumps as it likes.
  @Test func `never takes a client that waits for its answers for a thief, whatever the clock`()
    throws
  {
    for window in windows {
      for sent in -30...30 as ClosedRange<Int64> {
        for issued in -30...30 as ClosedRange<Int64> {
          func decision(_ confirmed: Int64, presenting: Int64) throws -> Rotation {
            try session(
              generation: 6, confirmed: confirmed, rotated: -1_000, issued: issued, sent: sent
            ).rotation(presenting: presenting, at: start, reuseWindow: window)
          }
          // Its last answer arrived, so it holds 6; or it was lost, so 6 was never seen.
          #expect(try decision(6, presenting: 6) != .reuse)
          #expect(try decision(5, presenting: 6) != .reuse)
          #expect(try decision(5, presenting: 5) == .resend)
          // Two generations back is never a lost answer.
          #expect(try decision(5, presenting: 4) == .reuse)
        }
      }
    }
  }
}
