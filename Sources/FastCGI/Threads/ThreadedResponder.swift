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
import Glibc
import Synchronization
import Threads

/// Whether libfcgi is initialised, which must happen once.
private let isLibraryReady = FCGX_Init() == 0

/// The threads of one server.
final class ThreadedResponder: Sendable {
  private let server: Server
  /// How many threads wait for a connection.
  let waiting = Atomic(0)
  /// How many connections were taken; whoever holds it looks at the socket for all.
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
