// How connections of the event loop end: by time, for want of room, and with the program.

/// Letting connections go.
extension EventLoop {
  /// Ends a connection; for a reason, if it is one that somebody should know.
  func drop(_ connection: Connection, _ reason: String?) {
    guard connection.isOpen else { return }
    connection.close()
    free.append(connection.slot)
    if let reason { server.options.log(.refused(reason)) }
    if !isStopping { try? listen() }
  }

  /// The connection that has been silent longest, if any is.
  ///
  /// A new one does not count before a tenth of its time for a request is over: it was opened for
  /// one that is on its way, and that nginx would not send again.
  var longestIdle: Connection? {
    connections.filter { $0.isIdle && ($0.isUsed || $0.deadline <= now + requestTime / 10 * 9) }
      .min { $0.turn < $1.turn }
  }

  /// Ends the connection that has been silent longest.
  ///
  /// What it has sent in the meantime is not lost: it is read first. nginx tries again by itself
  /// what it sends on a kept connection that was closed.
  ///
  /// - Returns: Whether there was one.
  @discardableResult
  func dropLongestIdle() -> Bool {
    while let idle = longestIdle {
      read(idle)
      if idle.isIdle { drop(idle, nil) }
      if !idle.isOpen { return true }
    }
    return false
  }

  /// Ends what has taken too long, and accepts again where that was paused.
  ///
  /// Every connection is looked at, once a second: a list in the order of deadlines would cost more
  /// on each request than that does.
  func sweep() {
    nextSweep = now + min(1_000, max(10, min(requestTime, idleTime) / 4))
    for connection in connections where connection.isOpen && connection.deadline <= now {
      drop(connection, connection.isIdle || connection.isLingering ? nil : "silent for too long")
    }
    if !isStopping { try? listen() }
  }

  /// Begins to end: nothing new, but everything that has begun.
  func beginStop() {
    isStopping = true
    poller.remove(server.stopFlag.number)
    // Others still answer an inherited socket; our own is emptied first (`acceptConnections`).
    if server.listener.isLast { try? listen() } else { stopListening() }
    for connection in connections where connection.isIdle {
      // A request may have come in the meantime; a new connection has a second for its first.
      guard connection.isUsed else {
        connection.deadline = min(connection.deadline, now + 1_000)
        continue
      }
      read(connection)
      if connection.isIdle { drop(connection, nil) }
    }
    // Deadlines have changed.
    nextSweep = now
  }
}
