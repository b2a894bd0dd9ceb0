// One thread of the libfcgi responder, which serves one connection after the other.

import CFastCGI
import CSystem
import Glibc
import Synchronization
import System
import Threads

/// The state of one thread and its current connection.
///
/// It is a class because its `deinit` frees memory that libfcgi points to. Only its own thread uses
/// it.
@safe final class ConnectionThread {
  private let server: Server
  private let pool: ThreadedResponder
  /// libfcgi's request.
  ///
  /// It must not move, because libfcgi's streams point to it.
  private let request: UnsafeMutablePointer<FCGX_Request>
  private var keepsConnection = false
  /// Whether part of the input is unread.
  ///
  /// If so, the connection must be closed: the rest would be taken for the start of the next
  /// request.
  private var hasUnread = false
  private var isEnding = false

  init(_ server: Server, _ pool: ThreadedResponder) {
    self.server = server
    self.pool = pool
    unsafe request = .allocate(capacity: 1)
    unsafe request.initialize(to: FCGX_Request())
    unsafe FCGX_InitRequest(request, -1, 0)
  }

  deinit {
    closeConnection()
    unsafe request.deallocate()
  }

  func run() {
    while let connection = nextConnection() {
      setTimeouts(connection)
      unsafe request.pointee.ipcFd = connection
      guard waitForFirstRequest(connection) else {
        closeConnection()
        continue
      }
      repeat { answer() } while unsafe request.pointee.ipcFd >= 0 && waitForNextRequest()
      closeConnection()
    }
  }

  /// Waits for a connection, and accepts it.
  ///
  /// - Returns: nil when the server is stopped and, if nobody accepts from this socket afterwards,
  ///   the backlog is empty. Also nil after the exit timeout.
  private func nextConnection() -> Int32? {
    pool.waiting.add(1, ordering: .relaxed)
    // Only one thread at a time polls the socket: otherwise a connection would wake all of them.
    return pool.accepted.withLock { accepted in
      // Under the lock, so that who polls sees every thread that has accepted.
      defer { pool.waiting.subtract(1, ordering: .relaxed) }
      let time = server.options.exitTimeout?.milliseconds
      var start = monotonicMilliseconds()
      while true {
        let ready = waitForInput(
          server.listener.number, server.stopFlag.number,
          milliseconds: time.map { Int32(clamping: $0) } ?? -1)
        if ready.second && !server.listener.isLast { return nil }
        if let time, !ready.first, monotonicMilliseconds() - start >= time {
          // No thread has a connection and none can get one: whoever connects from now on waits in
          // the backlog for the next start of the program.
          if pool.waiting.load(ordering: .relaxed) == server.options.threads {
            server.stop()
            return nil
          }
          start = monotonicMilliseconds()
        }
        if let connection = acceptConnection() {
          accepted += 1
          return connection
        }
        if ready.second { return nil }
      }
    }
  }

  private func acceptConnection() -> Int32? {
    let connection = accept4(server.listener.number, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
    if connection >= 0 { return connection }
    // Another process was faster, or the peer has gone. Neither is an error.
    guard ![EAGAIN, ECONNABORTED, EINTR].contains(errno) else { return nil }
    server.options.log(.refused(SystemError("accept").message))
    // There are no descriptors or no memory. The listener remains readable, so the loop would spin
    // without this pause.
    _ = waitForInput(server.stopFlag.number, milliseconds: 100)
    return nil
  }

  /// Waits for the first byte of a connection.
  ///
  /// Once the server stops, it waits for at most one more second.
  private func waitForFirstRequest(_ connection: Int32) -> Bool {
    let time = Int32(server.options.requestTimeout.milliseconds)
    let ready = waitForInput(connection, server.stopFlag.number, milliseconds: time)
    guard !ready.first, ready.second else { return ready.first }
    return waitForInput(connection, milliseconds: min(time, 1_000)).first
  }

  /// Waits for the next request on a kept connection.
  ///
  /// - Returns: False if the connection must be closed: after the idle timeout, when the server
  ///   stops, or when a new connection arrives and no thread is free.
  private func waitForNextRequest() -> Bool {
    let connection = unsafe request.pointee.ipcFd
    let end = monotonicMilliseconds() + server.options.idleTimeout.milliseconds
    while monotonicMilliseconds() < end {
      let isScarce = pool.waiting.load(ordering: .relaxed) == 0
      let ready = waitForInput(
        connection, server.stopFlag.number, isScarce ? server.listener.number : -1,
        milliseconds: 200)
      if ready.second {
        // nginx may have sent a request before it could see the stop. This one is still answered.
        defer { isEnding = true }
        return ready.first && !isEnding
      }
      if ready.first || ready.third { return ready.first }
    }
    return false
  }

  /// Reads one request and answers it.
  ///
  /// Closes the connection unless the peer keeps it.
  private func answer() {
    unsafe request.pointee.keepConnection = 1
    guard unsafe FCGX_Accept_r(request) == 0 else { return closeConnection() }
    // We close the connection ourselves: libfcgi would wait up to two seconds for the peer to close
    // it first.
    keepsConnection = unsafe request.pointee.keepConnection != 0
    unsafe request.pointee.keepConnection = 1
    hasUnread = false
    // FCGX_Accept_r also succeeds if the peer disappears while it sends the parameters. A request
    // with incomplete parameters must never reach a handler.
    guard unsafe FCGX_GetError(request.pointee.in) == 0,
      unsafe request.pointee.role == FCGI_RESPONDER
    else {
      server.options.log(.refused("incomplete or unknown request"))
      closeConnection()
      return
    }
    let parameters = readParameters()
    guard parameters.byteCount <= server.options.maximumParameters else {
      hasUnread = true
      send(Response(status: server.options.excessStatus).encoded())
      return
    }
    guard let body = readBody(parameters) else {
      server.options.log(.refused("incomplete body"))
      closeConnection()
      return
    }
    for response in server.respond(to: [Request(parameters: parameters, body: body)]) {
      send(response)
    }
  }

  private func readParameters() -> Parameters {
    var parameters = Parameters()
    var next = unsafe request.pointee.envp
    // The first entry is FCGI_ROLE, which libfcgi adds.
    unsafe next = next?.advanced(by: 1)
    while let variable = unsafe next?.pointee {
      unsafe parameters.append(variable: variable)
      unsafe next = next?.advanced(by: 1)
    }
    return parameters
  }

  /// Reads the body, and one more byte to detect a body that is too long.
  ///
  /// - Returns: nil if the peer has gone or a timeout has passed.
  private func readBody(_ parameters: Parameters) -> Body? {
    let declared = DeclaredLength(parameters, maximum: server.options.maximumBody)
    let length: Int
    switch declared {
    case .tooLarge, .invalid:
      hasUnread = true
      return declared == .tooLarge ? .tooLarge : .mismatch
    case .ignored
    where server.options.skipsInput || DeclaredLength(parameters, maximum: .max / 100) != .none:
      hasUnread = true
      return Body.none
    case .none, .ignored: length = 0
    case .bytes(let count): length = count
    }
    var body = [UInt8](repeating: 0, count: length + 1)
    let count = unsafe body.withUnsafeMutableBytes { bytes in
      unsafe FCGX_GetStr(bytes.baseAddress, Int32(bytes.count), request.pointee.in)
    }
    guard unsafe FCGX_GetError(request.pointee.in) == 0 else { return nil }
    hasUnread = count > length
    guard declared != .ignored else { return Body.none }
    guard count == length else { return .mismatch }
    body.removeLast()
    return length == 0 ? Body.none : .complete(body)
  }

  /// Writes an answer: in one write(2), with the end of the request, if it fits into 8 KiB.
  private func send(_ response: EncodedResponse) {
    if !response.isFaithful {
      server.options.log(.refused("an answer that cannot be written"))
    }
    unsafe response.bytes.withUnsafeBytes { bytes in
      _ = unsafe FCGX_PutStr(bytes.baseAddress, Int32(bytes.count), request.pointee.out)
    }
    unsafe FCGX_Finish_r(request)
    if hasUnread { dropInput() }
    if hasUnread || !keepsConnection { closeConnection() }
  }

  /// Reads and discards input for at most two seconds.
  ///
  /// Closing with unread input would reset the connection, and the peer might not receive the
  /// response.
  private func dropInput() {
    let connection = unsafe request.pointee.ipcFd
    guard connection >= 0 else { return }
    shutdown(connection, Int32(SHUT_WR))
    var dropped = [UInt8](repeating: 0, count: 65_536)
    let end = monotonicMilliseconds() + 2_000
    while true {
      let time = end - monotonicMilliseconds()
      guard time > 0, waitForInput(connection, milliseconds: Int32(time)).first else { return }
      guard unsafe recv(connection, &dropped, dropped.count, 0) > 0 else { return }
    }
  }

  private func closeConnection() {
    let connection = unsafe request.pointee.ipcFd
    unsafe request.pointee.ipcFd = -1
    unsafe FCGX_Free(request, 0)
    if connection >= 0 { _ = close(connection) }
  }

  /// Sets timeouts on the socket, because libfcgi has none.
  private func setTimeouts(_ connection: Int32) {
    let milliseconds = server.options.requestTimeout.milliseconds
    var time = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }
}
