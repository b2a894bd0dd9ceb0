// What a program decides about how it is served.

/// What happened to a connection or to the program as a whole.
package enum ServeEvent: Sendable, Equatable {
  /// Requests are accepted; how.
  case started(String)
  /// Every request under way was answered.
  case stopped
  /// A connection or a request was given up, and why; never a byte of what was sent.
  case refused(String)
}

/// How a program is served.
package struct ServeOptions: Sendable {
  /// Which responder answers FastCGI requests.
  package enum Kind: Sendable {
    /// libfcgi and a thread per connection, for handlers that wait: for a commit, for a hash.
    case threads
    /// One loop over all connections, for handlers that answer at once all that has come: those
    /// that never wait, or that wait for one commit of them all.
    case events
  }

  /// The program's name, for messages.
  package var program: String
  /// How many threads `.threads` has; each owns one connection at a time.
  package var threads: Int
  /// The longest body in bytes; 0 for a program that reads none.
  package var maximumBody: Int
  package var kind: Kind
  package var log: @Sendable (ServeEvent) -> Void
  /// The most bytes of parameters; nginx alone may send 32 KiB of client headers, and repeats the
  /// path in several others.
  package var maximumParameters: Int
  /// What a request with more parameters is answered.
  package var excessStatus: Int
  /// The most connections that `.events` holds at once.
  package var maximumConnections: Int
  /// How long a request may take to arrive, and its answer to be taken.
  package var requestTimeout: Duration
  /// How long a kept connection may be silent.
  package var idleTimeout: Duration
  /// More lines for `--help`.
  package var help: String

  package init(
    program: String, threads: Int = 8, maximumBody: Int = 16_384, kind: Kind = .threads,
    maximumParameters: Int = 65_536, excessStatus: Int = 400, maximumConnections: Int = 4_096,
    requestTimeout: Duration = .seconds(10), idleTimeout: Duration = .seconds(75),
    help: String = "",
    log: @escaping @Sendable (ServeEvent) -> Void
  ) {
    self.program = program
    self.threads = threads
    self.maximumBody = maximumBody
    self.kind = kind
    self.log = log
    self.maximumParameters = maximumParameters
    self.excessStatus = excessStatus
    self.maximumConnections = maximumConnections
    self.requestTimeout = requestTimeout
    self.idleTimeout = idleTimeout
    self.help = help
  }
}

/// What answers a request; it never throws, and every thread may call it.
package typealias Handler = @Sendable (Request) -> Response

/// What answers requests that came together: one response each, in their order.
///
/// `.events` gives it all that one wake-up has read, so that what many ask is asked once; elsewhere
/// it is given one at a time. It never throws.
package typealias BatchHandler = @Sendable ([Request]) -> [EncodedResponse]
