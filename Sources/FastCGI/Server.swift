// A responder that can be started and stopped, by a signal or by a test.

import Glibc

/// A FastCGI responder on one listening socket.
package final class Server: Sendable {
  let options: ServeOptions
  let listener: Listener
  let handler: Handler
  let stopFlag: StopFlag

  init(
    _ options: ServeOptions, listener: consuming Listener, _ handler: @escaping Handler
  ) throws(SystemError) {
    self.options = options
    self.listener = listener
    self.handler = handler
    stopFlag = try StopFlag()
  }

  /// Serves until `stop` is called and every request that had begun is answered.
  func run() throws(SystemError) {
    switch options.kind {
    case .threads: try ThreadedResponder(self).run()
    case .events: try EventLoop(self).run()
    }
  }

  /// Ends `run`; any thread may call it.
  func stop() {
    // Nobody finds the socket from here on, while what waits in its backlog is still answered.
    listener.unlinkPath()
    stopFlag.raise()
  }
}
