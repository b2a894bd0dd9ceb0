// Ending connections of the event loop: at a timeout, to make room, and when the program stops.

/// Ending connections.
extension EventLoop {
  /// Ends a connection, and logs the reason if there is one.
  func drop(_ connection: Connection, _ reason: String?) {
    guard connection.isOpen else { return }
    connection.close()
    free.append(connection.slot)
    if let reason { server.options.log(.refused(reason)) }
    if !isStopping { try? listen() }
  }

  /// The connection that has been idle longest, if any is idle.
  ///
  /// A new connection does not count as idle during the first tenth of the request timeout. Its
  /// first request is on the way, and nginx would not repeat it.
  var longestIdle: Connection? {
    connections.filter { $0.isIdle && ($0.isUsed || $0.deadline <= now + requestTime / 10 * 9) }
      .min { $0.turn < $1.turn }
  }

  /// Ends the connection that has been idle longest.
  ///
  /// It reads from the connection first, so that a request that has just arrived is not lost. If
  /// nginx sends a request on a kept connection after it was closed, nginx repeats the request.
  ///
  /// - Returns: Whether there was an idle connection.
  @discardableResult
  func dropLongestIdle() -> Bool {
    while let idle = longestIdle {
      read(idle)
      if idle.isIdle { drop(idle, nil) }
      if !idle.isOpen { return true }
    }
    return false
  }

  /// Ends connections that have timed out, and resumes accepting if it was paused.
  ///
  /// It looks at every connection once a second. Keeping the connections sorted by deadline would
  /// cost more, because every request changes a deadline.
  func sweep() {
    nextSweep = now + min(1_000, max(10, min(requestTime, idleTime) / 4))
    for connection in connections where connection.isOpen && connection.deadline <= now {
      drop(connection, connection.isIdle || connection.isLingering ? nil : "silent for too long")
    }
    if !isStopping { try? listen() }
  }

  /// Starts to stop: accepts no new work, but completes the requests in progress.
  func beginStop() {
    isStopping = true
    poller.remove(server.stopFlag.number)
    // Other processes may still answer an inherited socket. Otherwise the backlog is emptied first,
    // in `acceptConnections`.
    if server.listener.isLast { try? listen() } else { stopListening() }
    for connection in connections where connection.isIdle {
      // A new connection gets one second for its first request.
      guard connection.isUsed else {
        connection.deadline = min(connection.deadline, now + 1_000)
        continue
      }
      // A request may have arrived meanwhile.
      read(connection)
      if connection.isIdle { drop(connection, nil) }
    }
    // Some deadlines have changed.
    nextSweep = now
  }
}
