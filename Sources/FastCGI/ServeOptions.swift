// The options of a responder, which the program chooses.

/// An event of a connection or of the whole program, for the log.
package enum ServeEvent: Sendable, Equatable {
  /// The program accepts requests; the text names the socket.
  case started(String)
  /// The program has stopped, and all requests in progress were answered.
  case stopped
  /// A connection or a request was dropped. The reason contains no byte from the peer.
  case refused(String)
}

/// The options of a responder.
package struct ServeOptions: Sendable {
  /// The responder that answers FastCGI requests.
  package enum Kind: Sendable {
    /// libfcgi with one thread per connection, for handlers that block in a commit or a hash.
    case threads
    /// One event loop over all connections, for handlers that answer a batch of requests at once.
    /// Such a handler never blocks, or blocks once for the whole batch.
    case events
  }

  /// The program's name, for messages.
  package var program: String
  /// The number of threads of `.threads`, of which each serves one connection at a time.
  package var threads: Int
  /// The maximum length of a body in bytes; 0 for a program that reads no bodies.
  package var maximumBody: Int
  /// Whether a program that reads no bodies answers before the input has ended, and then closes the
  /// connection: nginx may pass on an upload while it arrives, also one without a length.
  package var skipsInput: Bool
  package var kind: Kind
  package var log: @Sendable (ServeEvent) -> Void
  /// The maximum length of the parameters in bytes.
  ///
  /// nginx may send 32 KiB of client headers, and repeats the path in several parameters.
  package var maximumParameters: Int
  /// The status of the response to a request with longer parameters.
  package var excessStatus: Int
  /// The maximum number of open connections of `.events`.
  package var maximumConnections: Int
  /// The timeout for receiving a request, and for sending its response.
  package var requestTimeout: Duration
  /// The idle timeout of a kept connection.
  package var idleTimeout: Duration
  /// The time without any connection after which the program exits; nil to stay.
  ///
  /// Only for an inherited socket: whoever holds it starts the program again for the next request.
  package var exitTimeout: Duration?
  /// Additional lines for `--help`.
  package var help: String
  /// The answer to `--version`.
  package var version: String

  package init(
    program: String, threads: Int = 8, maximumBody: Int = 16_384, skipsInput: Bool = false,
    kind: Kind = .threads,
    maximumParameters: Int = 65_536, excessStatus: Int = 400, maximumConnections: Int = 4_096,
    requestTimeout: Duration = .seconds(10), idleTimeout: Duration = .seconds(75),
    version: String = "", help: String = "",
    log: @escaping @Sendable (ServeEvent) -> Void
  ) {
    self.program = program
    self.threads = threads
    self.maximumBody = maximumBody
    self.skipsInput = skipsInput
    self.kind = kind
    self.log = log
    self.maximumParameters = maximumParameters
    self.excessStatus = excessStatus
    self.maximumConnections = maximumConnections
    self.requestTimeout = requestTimeout
    self.idleTimeout = idleTimeout
    exitTimeout = nil
    self.version = version
    self.help = help
  }
}

/// A function that answers a request.
///
/// It may be called on any thread, and does not throw.
package typealias Handler = @Sendable (Request) -> Response

/// A function that answers a batch of requests with one response each, in their order.
///
/// `.events` passes all requests that one wake-up has read, so that the handler can answer a common
/// question once. Otherwise it gets one request at a time. It does not throw.
package typealias BatchHandler = @Sendable ([Request]) -> [EncodedResponse]
