// The event-driven responder: one loop over all connections of a process.
//
// It answers `check`, which stands in front of every request to the guarded site and waits for
// nothing, and `refresh`, whose requests all wait for one commit: a thread per connection would
// only be switched between, and nginx's kept connections would each hold one. Per wake-up: read
// what every ready connection has sent, give it all to the program, and write its answers. One
// request costs one read and one write, and the storage of its connection.
//
// Connections are watched level-triggered: what one read leaves behind is reported again, so the
// loop never owes a descriptor another read.

import CSystem
import Glibc

/// The loop of one server; it lives on the thread that runs it.
@safe final class EventLoop {
  private static let listenerKey = UInt64.max
  private static let stopKey = UInt64.max - 1

  let server: Server
  let poller: Poller
  /// What one read takes; records are copied out of it at once, so all connections share it.
  private let input: UnsafeMutableBufferPointer<UInt8>
  var connections: [Connection] = []
  var free: [Int] = []
  private var ready: [Connection] = []
  var isListening = false
  var isStopping = false

  /// Milliseconds, read once per wake-up.
  var now = monotonicMilliseconds()
  var nextSweep = 0
  private var turn = 0
  let requestTime: Int
  let idleTime: Int

  init(_ server: Server) throws(SystemError) {
    self.server = server
    poller = try Poller(eventCount: 256)
    requestTime = server.options.requestTimeout.milliseconds
    idleTime = server.options.idleTimeout.milliseconds
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
      // A paused listener is looked at again when the timers are.
      let hasTimers = openCount > 0 || !isListening
      let count = poller.wait(milliseconds: hasTimers ? max(0, nextSweep - now) : -1)
      now = monotonicMilliseconds()
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

  /// Starts to accept.
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

  /// Reads from a connection, or writes to it if that is what it waits for.
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

  /// Reads once, and puts the connection into the batch if its request is complete.
  func read(_ connection: Connection) {
    let count = unsafe recv(connection.descriptor, input.baseAddress, input.count, 0)
    guard count > 0 else {
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      // The peer has closed: the usual end of a kept connection.
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

  /// Answers what this wake-up brought, all of it together.
  private func answerReady() {
    guard !ready.isEmpty else { return }
    // One of them may have been dropped since, or its place have been taken.
    let complete = ready.filter { $0.isOpen && $0.reader.request.isReady }
    ready.removeAll(keepingCapacity: true)
    let excess = Response(status: server.options.excessStatus).encoded()
    for connection in complete where connection.reader.request.isOverflowing {
      answer(connection, excess)
    }
    let asking = complete.filter { $0.isOpen && $0.reader.request.isReady }
    let responses = responses(to: asking)
    // It may have taken a while, which is not the peers' time.
    now = monotonicMilliseconds()
    for (connection, response) in zip(asking, responses)
    where connection.reader.request.isReady {
      answer(connection, response)
    }
  }

  /// The responses to what the connections have sent.
  ///
  /// The requests share the storage of their connections, and are gone when this returns: so it is
  /// used again for the next ones.
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

  /// Writes what is owed, and then lets the connection have its fate.
  private func write(_ connection: Connection) {
    connection.takeReplies()
    guard connection.flush() else { return drop(connection, nil) }
    guard !connection.hasPending else {
      // Nothing more is read from a peer that does not take its answers.
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

  /// Gives a connection another time from now on, in milliseconds.
  func restart(_ connection: Connection, for time: Int) {
    turn += 1
    connection.turn = turn
    connection.deadline = now + time
  }

  /// Has epoll report what a connection waits for, unless it does already.
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
