import Glibc
import Synchronization
import Testing
import Threads

@testable import FastCGI

private let kinds: [ServeOptions.Kind] = [.threads, .events]

/// Starts a server on a socket again and again, as systemd does.
private final class Activation: Sendable {
  let path = temporaryPath()
  private let socket: Int32
  private let isOver = Atomic(false)
  private let starts = Atomic(0)
  private let kind: ServeOptions.Kind

  init(_ kind: ServeOptions.Kind) {
    self.kind = kind
    signal(SIGPIPE, SIG_IGN)
    socket = openSocket(at: path)
  }

  deinit {
    close(socket)
    unsafe unlink(path)
  }

  var startCount: Int { starts.load(ordering: .relaxed) }

  /// Runs one server until it ends by itself.
  func serveOnce(idle: Duration) throws {
    var options = ServeOptions(program: "test", threads: 3, maximumBody: 16, kind: kind) { _ in }
    options.exitTimeout = idle
    // Its own duplicate, which it closes; the socket goes on listening.
    let listener = Listener(inherited: dup(socket), isLast: false)
    try Server(options, listener: listener) { $0.map { echo($0).encoded() } }.run()
    starts.add(1, ordering: .relaxed)
  }

  /// Serves on a thread of its own until `end`.
  func serve(idle: Duration) throws -> pthread_t {
    try startThread(stackSize: 1 << 20) {
      while !self.isOver.load(ordering: .relaxed) { try? self.serveOnce(idle: idle) }
    }
  }

  func end() { isOver.store(true, ordering: .relaxed) }
}

@Suite struct `A server with an exit timeout` {
  private let request = Records.request(["A": "b"])

  @Test(arguments: kinds)
  func `ends by itself when nobody connects`(_ kind: ServeOptions.Kind) throws {
    try Activation(kind).serveOnce(idle: .milliseconds(5))
  }

  /// A connection is accepted by a server that answers, or not at all.
  @Test(arguments: kinds)
  func `loses no request that comes while it ends`(_ kind: ServeOptions.Kind) throws {
    let activation = Activation(kind)
    let thread = try activation.serve(idle: .milliseconds(4))
    for number in 0..<200 {
      // Around the moment at which it ends.
      poll(nil, 0, Int32(number % 10))
      #expect(try Peer(activation.path).exchange(request)?.body == "none\nA=b")
    }
    activation.end()
    pthread_join(thread, nil)
    #expect(activation.startCount > 10)
  }

  @Test(arguments: kinds)
  func `stays while a connection is open, though nothing comes`(
    _ kind: ServeOptions.Kind
  ) throws {
    let activation = Activation(kind)
    let kept = try Peer(activation.path)
    let thread = try activation.serve(idle: .milliseconds(4))
    #expect(
      try kept.exchange(Records.request(["A": "b"], flags: Records.keep))?.body == "none\nA=b")
    for _ in 0..<5 {
      poll(nil, 0, 20)
      #expect(
        try kept.exchange(Records.request(["A": "b"], flags: Records.keep))?.body == "none\nA=b")
    }
    #expect(activation.startCount == 0)
    activation.end()
    kept.endSending()
    pthread_join(thread, nil)
  }
}
