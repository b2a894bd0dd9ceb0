import Testing

@testable import Accounts

/// RFC 7519 §2; T021, T198.
@Suite struct `A date` {
  private let first = NumericDate(seconds: .min)
  private let last = NumericDate(seconds: .max)
  private let epoch = NumericDate(seconds: 0)

  @Test func `moves by seconds, forward and back`() {
    #expect(start + 60 == NumericDate(seconds: 1_700_000_060))
    #expect(start + -60 == NumericDate(seconds: 1_699_999_940))
    #expect((start + 60) - start == 60)
    #expect(start - (start + 60) == -60)
  }

  @Test func `stays at the end of the range where a sum would overflow`() {
    #expect(last + 1 == last)
    #expect(last + .max == last)
    #expect(first + -1 == first)
    #expect(first + .min == first)
    #expect(last + -1 == NumericDate(seconds: .max - 1))
    #expect(first + 1 == NumericDate(seconds: .min + 1))
  }

  @Test func `stays at the end of the range where a difference would overflow`() {
    #expect(last - first == .max)
    #expect(first - last == .min)
    #expect(epoch - first == .max)
    #expect(NumericDate(seconds: -2) - last == .min)
    #expect(NumericDate(seconds: -1) - last == .min)
    #expect(NumericDate(seconds: -1) - first == .max)
    #expect(epoch - last == -.max)
  }

  @Test func `moves by whole seconds of a duration`() {
    #expect(start + Duration.milliseconds(1_999) == start + 1)
    #expect(start + Duration.seconds(-5) == start + -5)
    #expect(start + Duration.seconds(Int64.max) == last)
  }

  @Test func `is within a duration of another, both ends included, before and after`() {
    for (distance, isWithin) in [
      (-11, false), (-10, true), (0, true), (10, true), (11, false),
    ] as [(Int64, Bool)] {
      #expect((start + distance).isWithin(.seconds(10), of: start) == isWithin)
    }
  }

  @Test func `is within no time of itself alone`() {
    #expect(start.isWithin(.zero, of: start))
    #expect(!(start + 1).isWithin(.zero, of: start))
    #expect(!(start + -1).isWithin(.zero, of: start))
  }

  @Test func `at one end of the range is not within reach of the other`() {
    #expect(!first.isWithin(.seconds(10), of: last))
    #expect(!last.isWithin(.seconds(10), of: first))
    #expect(first.isWithin(.seconds(10), of: first + 10))
  }

  @Test func `is ordered by its seconds, before the epoch too`() {
    #expect(first < NumericDate(seconds: -1))
    #expect(NumericDate(seconds: -1) < epoch)
    #expect(!(epoch < epoch))
  }
}
