// Accepting connections in the event loop.

import CSystem
import Glibc

/// Accepting connections.
extension EventLoop {
  /// Accepts all waiting connections, and reads from each immediately.
  ///
  /// nginx sends its request right after connecting, so most new connections are answered without
  /// being added to epoll.
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
      // An idle connection is dropped only now, because only now a new one needs its place.
      if openCount >= server.options.maximumConnections { dropLongestIdle() }
      begin(descriptor)
      return true
    }
    switch errno {
    case EAGAIN:
      // While stopping, an empty backlog stays empty, because the path is unlinked.
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
    // The listener remains readable, so watching it would spin. It is watched again when a
    // connection ends, or at the next sweep.
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
