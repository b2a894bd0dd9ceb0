// A responder that a signal or a test can stop.

import Glibc

/// A FastCGI responder on one listening socket.
package final class Server: Sendable {
  let options: ServeOptions
  let listener: Listener
  private let handler: BatchHandler
  let stopFlag: StopFlag

  init(
    _ options: ServeOptions, listener: consuming Listener, _ handler: @escaping BatchHandler
  ) throws(SystemError) {
    var options = options
    options.maximumConnections = min(options.maximumConnections, Server.roomForConnections())
    self.options = options
    self.listener = listener
    self.handler = handler
    stopFlag = try StopFlag()
  }

  /// The number of descriptors that connections may use.
  ///
  /// Some are reserved for the program's files.
  private static func roomForConnections() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return .max
    }
    return max(16, Int(clamping: limit.rlim_cur) - 64)
  }

  /// Serves until `stop` is called and all requests in progress are answered.
  func run() throws(SystemError) {
    switch options.kind {
    case .threads: try ThreadedResponder(self).run()
    case .events: try EventLoop(self).run()
    }
  }

  /// One response for each request, in their order.
  func respond(to requests: [Request]) -> [EncodedResponse] {
    FastCGI.respond(to: requests, handler)
  }

  /// Makes `run` return; any thread may call this.
  func stop() {
    // Nobody can connect after this, but connections in the backlog are still answered.
    listener.unlinkPath()
    stopFlag.raise()
  }
}

/// Returns one response for each request, in their order.
///
/// If a handler returns another number, no response can be assigned to a request. All requests are
/// then answered with 500.
func respond(to requests: [Request], _ handler: BatchHandler) -> [EncodedResponse] {
  let responses = handler(requests)
  guard responses.count == requests.count else {
    return requests.map { _ in Response(status: 500).encoded() }
  }
  return responses
}
