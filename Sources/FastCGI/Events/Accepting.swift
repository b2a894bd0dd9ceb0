// How the event loop takes connections.

import CSystem
import Glibc

/// Taking connections.
extension EventLoop {
  /// Accepts what waits, and reads from each at once: nginx sends right after it connects, so most
  /// new connections are answered without epoll ever hearing of them.
  func acceptConnections() {
    while isListening {
      if openCount >= server.options.maximumConnections, longestIdle == nil {
        if !isStopping { stopListening() }
        return
      }
      guard acceptConnection() else { return }
    }
  }

  /// Accepts one connection.
  ///
  /// - Returns: Whether another one may be tried.
  private func acceptConnection() -> Bool {
    let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = accept4(server.listener.number, nil, nil, flags)
    guard descriptor < 0 else {
      // Only now is it certain that somebody needs the room.
      if openCount >= server.options.maximumConnections { dropLongestIdle() }
      begin(descriptor)
      return true
    }
    switch errno {
    case EAGAIN:
      // At the end nothing is left to be accepted: the path is gone.
      if isStopping { stopListening() }
      return false
    case EINTR, ECONNABORTED:
      return true
    case EMFILE, ENFILE:
      server.options.log(.refused(SystemError("accept").message))
      guard dropLongestIdle() else { break }
      let retried = accept4(server.listener.number, nil, nil, flags)
      if retried >= 0 { begin(retried) }
      return false
    default:
      server.options.log(.refused(SystemError("accept").message))
    }
    // The listener stays readable; it is looked at again when a connection ends, or in a second.
    stopListening()
    return false
  }

  private func begin(_ descriptor: Int32) {
    let connection: Connection
    if let slot = free.popLast() {
      connection = connections[slot]
    } else {
      let options = server.options
      let reader = RecordReader(
        maximumBody: options.maximumBody, maximumParameters: options.maximumParameters)
      connection = Connection(slot: connections.count, reader: reader)
      connections.append(connection)
    }
    connection.open(descriptor)
    restart(connection, for: isStopping ? min(requestTime, 1_000) : requestTime)
    read(connection)
    if connection.isOpen && !connection.reader.request.isReady {
      watch(connection, Poller.readable)
    }
  }
}
