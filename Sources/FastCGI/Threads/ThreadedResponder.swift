// The libfcgi responder: a fixed number of threads, each with one connection at a time.
//
// libfcgi only reads and writes the records. Its accept loop is not used: it cannot be stopped
// without losing a connection that was just accepted, it has no timeouts, and it can spin after
// FCGX_ShutdownPending. Instead each thread accepts connections itself and sets `ipcFd`. It also
// sets `keepConnection`, because FCGX_Accept_r would close the connection otherwise. And it passes
// no listening socket to FCGX_InitRequest: so a connection that breaks before its request is
// complete is an error, and does not make libfcgi wait for the next connection.
//
// A connection that nginx keeps open occupies its thread while it is idle. When all threads are
// occupied and a new connection arrives, an idle one is closed. nginx repeats a request on such a
// connection if it is safe to repeat, and state-changing routes are configured without keepalive.
//
// Only nginx may write to the socket. libfcgi 2.4.2 overflows a buffer on FCGI_GET_VALUES with many
// names, and aborts on absurd parameter lengths. nginx sends neither: a client only controls the
// bytes of values and of the body. For the same reason it is enough that timeouts apply to each
// read and not to a whole request.

import CFastCGI
import Glibc
import Synchronization
import Threads

/// Whether libfcgi is initialized.
///
/// This must happen only once.
private let isLibraryReady = FCGX_Init() == 0

/// The threads of one server.
final class ThreadedResponder: Sendable {
  private let server: Server
  /// The number of threads that wait for a connection.
  let waiting = Atomic(0)
  /// The number of accepted connections.
  ///
  /// The thread that holds this lock polls the socket.
  let accepted = Locked(0)

  init(_ server: Server) {
    self.server = server
  }

  /// Serves until the server is stopped.
  func run() throws(SystemError) {
    guard isLibraryReady else { throw SystemError("FCGX_Init") }
    var threads: [pthread_t] = []
    do throws(NoThread) {
      for _ in 0..<server.options.threads {
        let thread = try startThread(stackSize: 1 << 20) { [server] in
          ConnectionThread(server, self).run()
        }
        threads.append(thread)
      }
    } catch {
      server.stop()
      for thread in threads { pthread_join(thread, nil) }
      throw SystemError(error)
    }
    for thread in threads { pthread_join(thread, nil) }
  }
}
