/// An error that a log line or the administrator's terminal can explain in one line.
package protocol LoggableError: Error {
  /// One line: no capital, no full stop, no secret, no stored value.
  var reason: String { get }
}

extension StoreError: LoggableError {}
