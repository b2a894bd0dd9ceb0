// The event-driven responder: one loop over all connections of a process.
//
// It serves `check`, which is called for every request to the guarded site and does not block, and
// `refresh`, whose batches block for one commit. A thread per connection would only add context
// switches, and each of nginx's kept connections would occupy a thread. At each wake-up the loop
// reads from every ready connection, passes all complete requests to the program as one batch, and
// writes the responses. A request costs one read, one write and no allocation of buffers.
//
// epoll is level-triggered: it reports unread input again, so the loop reads each descriptor only
// once per wake-up.

import CSystem
import Glibc
import System

/// The event loop of one server.
///
/// It must only be used on the thread that calls `run`.
@safe final class EventLoop {
  private static let listenerKey = UInt64.max
  private static let stopKey = UInt64.max - 1

  let server: Server
  let poller: Poller
  /// The input buffer of all connections.
  ///
  /// They can share it, because the reader copies the records out of it immediately.
  private let input: UnsafeMutableBufferPointer<UInt8>
  var connections: [Connection] = []
  var free: [Int] = []
  private var ready: [Connection] = []
  var isListening = false
  var isStopping = false

  /// The time in milliseconds, updated once per wake-up.
  var now = monotonicMilliseconds()
  var nextSweep = 0
  private var turn = 0
  let requestTime: Int
  let idleTime: Int
  /// The time without a connection after which `run` returns.
  private let exitTime: Int
  /// When there was a connection or an event last.
  private var lastUse = monotonicMilliseconds()

  init(_ server: Server) throws(SystemError) {
    self.server = server
    poller = try Poller(eventCount: 256)
    requestTime = server.options.requestTimeout.milliseconds
    idleTime = server.options.idleTimeout.milliseconds
    exitTime = server.options.exitTimeout?.milliseconds ?? .max
    unsafe input = .allocate(capacity: 65_536)
  }

  deinit {
    for connection in connections where connection.isOpen { connection.close() }
    unsafe input.deallocate()
  }

  var openCount: Int { connections.count - free.count }

  /// Serves until the server is stopped.
  func run() throws(SystemError) {
    guard poller.add(server.stopFlag.number, Poller.readable, key: EventLoop.stopKey)
    else { throw SystemError("epoll_ctl") }
    try listen()
    while !(isStopping && openCount == 0 && !isListening) {
      let count = poller.wait(milliseconds: waitingTime)
      now = monotonicMilliseconds()
      if openCount > 0 || count > 0 { lastUse = now }
      if isListening, now - lastUse >= exitTime {
        // Whoever connects from now on waits in the backlog for the next start of the program.
        stopListening()
        return
      }
      var canAccept = false
      for index in 0..<count {
        switch poller.key(index) {
        case EventLoop.listenerKey: canAccept = true
        case EventLoop.stopKey: beginStop()
        case let key: attend(key)
        }
      }
      if canAccept || isStopping { acceptConnections() }
      answerReady()
      if now >= nextSweep { sweep() }
    }
  }

  /// How long to wait for the next event, in milliseconds; -1 without limit.
  private var waitingTime: Int {
    // The sweep also resumes a paused listener.
    if openCount > 0 || !isListening { return max(0, nextSweep - now) }
    return exitTime == .max ? -1 : max(0, exitTime - (now - lastUse))
  }

  /// Starts to watch the listening socket.
  func listen() throws(SystemError) {
    guard !isListening else { return }
    let listener = server.listener.number
    guard poller.add(listener, Poller.readableByOne, key: EventLoop.listenerKey)
    else { throw SystemError("epoll_ctl") }
    isListening = true
  }

  func stopListening() {
    guard isListening else { return }
    poller.remove(server.listener.number)
    isListening = false
  }

  /// Handles an event: writes if the connection has pending output, and reads otherwise.
  private func attend(_ key: UInt64) {
    let slot = Int(key & 0xffff_ffff)
    guard slot < connections.count else { return }
    let connection = connections[slot]
    guard connection.isOpen, connection.key == key else { return }
    if connection.hasPending {
      write(connection)
    } else {
      read(connection)
    }
  }

  /// Reads once, and adds the connection to the batch if its request is complete.
  func read(_ connection: Connection) {
    let count = unsafe recv(connection.descriptor, input.baseAddress, input.count, 0)
    guard count > 0 else {
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      // The peer has closed the connection. For a kept connection this is normal.
      return drop(connection, connection.isIdle || connection.isLingering ? nil : "cut off")
    }
    guard connection.fate == .kept else { return }
    let wasIdle = connection.reader.isIdle
    do throws(ProtocolError) {
      let bytes = unsafe UnsafeBufferPointer(rebasing: input[..<count])
      try connection.reader.feed(unsafe Span(_unsafeElements: bytes))
    } catch {
      return drop(connection, error.reason)
    }
    if wasIdle { restart(connection, for: requestTime) }
    if connection.reader.request.isReady {
      ready.append(connection)
    } else if !connection.reader.replies.isEmpty {
      write(connection)
    }
  }

  /// Answers the requests of this wake-up as one batch.
  private func answerReady() {
    guard !ready.isEmpty else { return }
    // A connection may have been dropped since, or its slot may have been reused.
    let complete = ready.filter { $0.isOpen && $0.reader.request.isReady }
    ready.removeAll(keepingCapacity: true)
    let excess = Response(status: server.options.excessStatus).encoded()
    for connection in complete where connection.reader.request.isOverflowing {
      answer(connection, excess)
    }
    let asking = complete.filter { $0.isOpen && $0.reader.request.isReady }
    let responses = responses(to: asking)
    // The handler may have taken a while, which must not count against the peers' timeouts.
    now = monotonicMilliseconds()
    for (connection, response) in zip(asking, responses)
    where connection.reader.request.isReady {
      answer(connection, response)
    }
  }

  /// Returns the responses to the requests of these connections.
  ///
  /// The requests share the storage of their connections. They do not exist after this method, so
  /// that the storage can be reused.
  private func responses(to connections: [Connection]) -> [EncodedResponse] {
    server.respond(
      to: connections.map { connection in
        let request = connection.reader.request
        return Request(parameters: request.parameters, body: request.body)
      })
  }

  private func answer(_ connection: Connection, _ response: EncodedResponse) {
    connection.answer(response)
    if !response.isFaithful {
      server.options.log(.refused("an answer that cannot be written"))
    }
    if isStopping && connection.fate == .kept { connection.fate = .closed }
    write(connection)
  }

  /// Sends the pending output, and then closes, lingers or keeps the connection.
  private func write(_ connection: Connection) {
    connection.takeReplies()
    guard connection.flush() else { return drop(connection, nil) }
    guard !connection.hasPending else {
      // Back-pressure: nothing is read from a peer that does not receive its responses.
      restart(connection, for: requestTime)
      return watch(connection, Poller.writable)
    }
    switch connection.fate {
    case .closed:
      return drop(connection, nil)
    case .lingering:
      shutdown(connection.descriptor, Int32(SHUT_WR))
      restart(connection, for: requestTime)
    case .kept:
      if connection.reader.isIdle { restart(connection, for: idleTime) }
    }
    watch(connection, Poller.readable)
  }

  /// Restarts the timeout of a connection, in milliseconds.
  func restart(_ connection: Connection, for time: Int) {
    turn += 1
    connection.turn = turn
    connection.deadline = now + time
  }

  /// Sets the events for which epoll watches a connection.
  func watch(_ connection: Connection, _ events: UInt32) {
    guard connection.watched != events else { return }
    let isWatched =
      connection.watched == 0
      ? poller.add(connection.descriptor, events, key: connection.key)
      : poller.change(connection.descriptor, events, key: connection.key)
    guard isWatched else { return drop(connection, SystemError("epoll_ctl").message) }
    connection.watched = events
  }
}
