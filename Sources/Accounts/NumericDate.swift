/// A point in time: the number of seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// RFC 7519 §2 (NumericDate).
package struct NumericDate: Hashable, Comparable, Sendable {
  /// Seconds since the epoch; negative before it.
  package let seconds: Int64

  package init(seconds: Int64) {
    self.seconds = seconds
  }

  package static func < (left: NumericDate, right: NumericDate) -> Bool {
    left.seconds < right.seconds
  }

  /// The date this many seconds later; an overflow becomes the end of the range.
  package static func + (date: NumericDate, seconds: Int64) -> NumericDate {
    let (sum, overflow) = date.seconds.addingReportingOverflow(seconds)
    guard overflow else { return NumericDate(seconds: sum) }
    return NumericDate(seconds: seconds < 0 ? .min : .max)
  }

  /// The number of seconds from `right` to `left`; an overflow becomes the end of the range.
  package static func - (left: NumericDate, right: NumericDate) -> Int64 {
    let (difference, overflow) = left.seconds.subtractingReportingOverflow(right.seconds)
    guard overflow else { return difference }
    return left.seconds < 0 ? .min : .max
  }
}

extension NumericDate {
  /// The date this much later; fractions of a second are ignored.
  package static func + (date: NumericDate, duration: Duration) -> NumericDate {
    date + duration.components.seconds
  }

  /// Whether the two dates are at most `duration` apart, in either direction.
  ///
  /// If the clock is set back, a window must neither stay open forever nor refuse an honest client.
  package func isWithin(_ duration: Duration, of other: NumericDate) -> Bool {
    (self - other).magnitude <= duration.components.seconds.magnitude
  }
}
