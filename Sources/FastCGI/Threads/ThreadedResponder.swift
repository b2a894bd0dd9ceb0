// The libfcgi responder: a fixed number of threads, each with one connection at a time.
//
// libfcgi reads and writes the records, and nothing else. Its own accept loop is left out: it
// cannot be stopped without losing a connection that was just accepted, it knows no time-outs, and
// after FCGX_ShutdownPending it can spin. Instead each thread accepts for itself, hands the
// connection over in `ipcFd` with `keepConnection` set (or FCGX_Accept_r would close it first),
// and gives FCGX_InitRequest no listening socket, so that a connection that breaks before its
// request is complete comes back as an error and not as a wait for the next one.
//
// A connection that nginx keeps open owns its thread while it is silent. When every thread is
// owned and somebody else connects, a silent one is given up: nginx tries a request that may be
// repeated again, and state-changing routes are configured without keepalive.
//
// Only nginx may write to the socket. libfcgi 2.4.2 overflows a buffer on FCGI_GET_VALUES with many
// names and aborts on absurd lengths of parameters; nginx sends neither, and lets a client choose
// nothing but the bytes of values and of the body. Time-outs hold for each read and not for a
// whole request, for the same reason.

import CFastCGI
import CSystem
import Glibc
import Synchronization

/// The threads of one server.
final class ThreadedResponder: Sendable {
  private let server: Server
  /// How many threads wait for a connection.
  let waiting = Atomic(0)

  init(_ server: Server) {
    self.server = server
  }

  /// Serves until the server is stopped.
  func run() throws(SystemError) {
    FCGX_Init()
    var threads: [pthread_t] = []
    do throws(SystemError) {
      for _ in 0..<server.options.threads {
        let thread = try startThread(stackSize: 1 << 20) { [server] in
          ConnectionThread(server, self).run()
        }
        threads.append(thread)
      }
    } catch {
      server.stop()
      for thread in threads { pthread_join(thread, nil) }
      throw error
    }
    for thread in threads { pthread_join(thread, nil) }
  }
}

/// One thread and the connection it owns.
///
/// A class for its `deinit`, which frees what libfcgi points to; it never leaves its thread.
@safe private final class ConnectionThread {
  private let server: Server
  private let pool: ThreadedResponder
  /// libfcgi's streams point back to it, so it must not move.
  private let request: UnsafeMutablePointer<FCGX_Request>
  private var buffer: [UInt8] = []

  init(_ server: Server, _ pool: ThreadedResponder) {
    self.server = server
    self.pool = pool
    unsafe request = .allocate(capacity: 1)
    unsafe request.initialize(to: FCGX_Request())
    unsafe FCGX_InitRequest(request, -1, 0)
  }

  deinit {
    unsafe FCGX_Free(request, 1)
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

  /// Accepts a connection, or waits for one.
  ///
  /// - Returns: Nil once the server is stopped and, if nobody else accepts from this socket,
  ///   nothing waits in it.
  private func nextConnection() -> Int32? {
    while true {
      pool.waiting.add(1, ordering: .relaxed)
      let ready = waitForInput(server.listener.number, server.stopFlag.number, milliseconds: -1)
      pool.waiting.subtract(1, ordering: .relaxed)
      if ready.second && !server.listener.isLast { return nil }
      let connection = acceptConnection()
      if let connection { return connection }
      if ready.second { return nil }
    }
  }

  private func acceptConnection() -> Int32? {
    let connection = accept4(server.listener.number, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
    if connection >= 0 { return connection }
    // Another thread was faster, or the peer is gone: nothing to say.
    guard ![EAGAIN, ECONNABORTED, EINTR].contains(errno) else { return nil }
    server.options.log(.refused(SystemError("accept").message))
    // Out of descriptors or memory: the listener stays readable, so without a pause this spins.
    _ = waitForInput(server.stopFlag.number, milliseconds: 100)
    return nil
  }

  /// Waits for the first byte of a connection; at the end of the server a second is enough.
  private func waitForFirstRequest(_ connection: Int32) -> Bool {
    let time = Int32(server.options.requestTimeout.milliseconds)
    let ready = waitForInput(connection, server.stopFlag.number, milliseconds: time)
    guard !ready.first, ready.second else { return ready.first }
    return waitForInput(connection, milliseconds: min(time, 1_000)).first
  }

  /// Waits on a connection that the peer keeps.
  ///
  /// - Returns: False if it is to be closed: after the time, at the end of the server, or because
  ///   somebody else connects and no thread is free.
  private func waitForNextRequest() -> Bool {
    let connection = unsafe request.pointee.ipcFd
    let end = monotonicMilliseconds() + server.options.idleTimeout.milliseconds
    while monotonicMilliseconds() < end {
      let isScarce = pool.waiting.load(ordering: .relaxed) == 0
      let ready = waitForInput(
        connection, server.stopFlag.number, isScarce ? server.listener.number : -1,
        milliseconds: 200)
      if ready.first { return true }
      if ready.second || ready.third { return false }
    }
    return false
  }

  /// Reads one request and answers it; afterwards the connection is open only if it is kept.
  private func answer() {
    unsafe request.pointee.keepConnection = 1
    guard unsafe FCGX_Accept_r(request) == 0 else { return }
    // FCGX_Accept_r also succeeds when the peer is gone amid the parameters: a request that lacks
    // its last ones must never reach a handler.
    guard unsafe FCGX_GetError(request.pointee.in) == 0,
      unsafe request.pointee.role == FCGI_RESPONDER
    else {
      server.options.log(.refused("incomplete or unknown request"))
      closeConnection()
      return
    }
    let parameters = readParameters()
    guard parameters.byteCount <= server.options.maximumParameters else {
      unsafe request.pointee.keepConnection = 0
      send(Response(status: 400))
      return
    }
    guard let body = readBody(parameters) else {
      server.options.log(.refused("incomplete body"))
      closeConnection()
      return
    }
    send(server.handler(Request(parameters: parameters, body: body)))
  }

  private func readParameters() -> Parameters {
    var parameters = Parameters()
    var next = unsafe request.pointee.envp
    // libfcgi puts FCGI_ROLE in front by itself.
    unsafe next = next?.advanced(by: 1)
    while let variable = unsafe next?.pointee {
      unsafe parameters.append(variable: variable)
      unsafe next = next?.advanced(by: 1)
    }
    return parameters
  }

  /// Reads the body and one byte more, to see that nothing follows.
  ///
  /// What is left unread ends the connection after the answer: libfcgi would take it for the
  /// beginning of the next request.
  ///
  /// - Returns: Nil if the peer is gone or silent.
  private func readBody(_ parameters: Parameters) -> Body? {
    let declared = DeclaredLength(parameters, maximum: server.options.maximumBody)
    let length: Int
    switch declared {
    case .tooLarge, .invalid:
      unsafe request.pointee.keepConnection = 0
      return declared == .tooLarge ? .tooLarge : .mismatch
    case .ignored, .none: length = 0
    case .bytes(let count): length = count
    }
    var body = [UInt8](repeating: 0, count: length + 1)
    let count = unsafe body.withUnsafeMutableBytes { bytes in
      unsafe FCGX_GetStr(bytes.baseAddress, Int32(bytes.count), request.pointee.in)
    }
    guard unsafe FCGX_GetError(request.pointee.in) == 0 else { return nil }
    if count > length { unsafe request.pointee.keepConnection = 0 }
    if declared == .ignored { return Body.none }
    guard count == length else { return .mismatch }
    body.removeLast()
    return length == 0 ? Body.none : .complete(body)
  }

  /// Writes an answer: in one write(2), with the end of the request, if it fits into 8 KiB.
  private func send(_ response: Response) {
    buffer.removeAll(keepingCapacity: true)
    if !response.write(to: &buffer) {
      server.options.log(.refused("an answer that cannot be written"))
    }
    unsafe buffer.withUnsafeBytes { bytes in
      _ = unsafe FCGX_PutStr(bytes.baseAddress, Int32(bytes.count), request.pointee.out)
    }
    // Where the connection is not kept this also waits for the peer to take the answer.
    unsafe FCGX_Finish_r(request)
  }

  private func closeConnection() {
    unsafe FCGX_Free(request, 1)
  }

  /// libfcgi waits for ever unless the socket itself gives up.
  private func setTimeouts(_ connection: Int32) {
    let milliseconds = server.options.requestTimeout.milliseconds
    var time = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }
}
