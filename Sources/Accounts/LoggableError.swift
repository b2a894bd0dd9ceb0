/// An error with an explanation of one line, for the log or the administrator's terminal.
package protocol LoggableError: Error {
  /// One line without a capital letter, full stop, secret or stored value.
  var reason: String { get }
}

extension StoreError: LoggableError {}
