// A responder on a thread of the test, on a socket of its own.

import CSystem
import Glibc
import Synchronization
import Threads

@testable import FastCGI

private let counter = Atomic(0)

/// A path nobody uses.
func temporaryPath() -> String {
  let number = counter.add(1, ordering: .relaxed).newValue
  let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
  return "\(folder)/fastcgi-test-\(getpid())-\(number).sock"
}

/// A bare listening socket, as another program hands it over or leaves it behind.
func openSocket(at path: String) -> Int32 {
  let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  guard var address = sockaddr_un(path: path), bindUnix(number, &address) == 0,
    listen(number, 8) == 0
  else { return -1 }
  return number
}

/// Says what it got: a line for the body, and a line for each parameter.
let echo: Handler = { request in
  var text: String
  switch request.body {
  case .none: text = "none"
  case .complete(let bytes): text = "complete \(bytes.count)"
  case .tooLarge: text = "too large"
  case .mismatch: text = "mismatch"
  }
  var body = Array(text.utf8)
  request.parameters.forEach { name, value in
    body += [0x0a] + name + [0x3d] + value
  }
  return Response(status: 200, body: body)
}

final class TestServer {
  let path = temporaryPath()
  private let server: Server
  private var thread: pthread_t?
  private let events: Events

  final class Events: Sendable {
    let list = Locked<[ServeEvent]>([])
  }

  init(
    _ kind: ServeOptions.Kind, threads: Int = 4, maximumBody: Int = 16, skipsInput: Bool = false,
    excessStatus: Int = 400, maximumConnections: Int = 4_096,
    requestTimeout: Duration = .seconds(10),
    idleTimeout: Duration = .seconds(75), _ handler: @escaping Handler = echo,
    together: BatchHandler? = nil
  ) throws {
    signal(SIGPIPE, SIG_IGN)
    let events = Events()
    self.events = events
    let options = ServeOptions(
      program: "test", threads: threads, maximumBody: maximumBody, skipsInput: skipsInput,
      kind: kind,
      excessStatus: excessStatus, maximumConnections: maximumConnections,
      requestTimeout: requestTimeout,
      idleTimeout: idleTimeout
    ) { event in events.list.withLock { $0.append(event) } }
    let server = try Server(options, listener: Listener(path: path)) { requests in
      together?(requests) ?? requests.map { handler($0).encoded() }
    }
    self.server = server
    thread = try startThread(stackSize: 1 << 20) {
      do { try server.run() } catch { print(error) }
    }
  }

  deinit { stop() }

  var log: [ServeEvent] { events.list.withLock { $0 } }

  func connect() throws -> Peer { try Peer(path, of: self) }

  /// Sends one request on a connection of its own.
  func exchange(_ request: [UInt8]) throws -> Answer? { try connect().exchange(request) }

  /// Tells it to stop, without waiting.
  func beginStop() { server.stop() }

  /// Stops it and waits for its end.
  func stop() {
    server.stop()
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }
}
