package import Accounts
import CSystem
import Glibc

/// The wall clock; no other code reads it.
package enum Clock {
  package static func now() -> NumericDate {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return NumericDate(seconds: Int64(time.tv_sec))
  }
}

/// A date in UTC in the format of RFC 3339 §5.6, such as `2026-01-02T03:04:05Z`.
package func timestamp(_ date: NumericDate) -> String {
  var seconds = time_t(date.seconds)
  var parts = unsafe tm()
  guard unsafe gmtime_r(&seconds, &parts) != nil else { return String(date.seconds) }
  func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
  let (year, month, day) = unsafe (Int(parts.tm_year) + 1_900, parts.tm_mon + 1, parts.tm_mday)
  let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
  return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))Z"
}
