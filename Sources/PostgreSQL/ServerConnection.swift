import Accounts
import CPostgreSQL
import Glibc
import Threads

/// How connections of one store behave, found out while it runs.
struct ConnectionKind: Equatable {
  /// Whether a pooler stands between, which hands its connections around after each transaction.
  ///
  /// It takes no settings at the start, and prepared statements are not where they were made.
  var isPooled = false
}

/// A connection to the server, on which statements are sent together and answered together.
///
/// Statements that are queued go to the server with the next exchange, in one packet, and the server
/// does not run those behind one that fails. One thread at a time.
@safe final class ServerConnection: @unchecked Sendable {
  // Sendable: the pool hands a connection to one thread at a time.

  fileprivate enum Command {
    case prepare(UInt)
    case run
    /// A statement whose answer nobody waits for.
    case forget
    case synchronize
  }

  let kind: ConnectionKind
  /// Counts the pool's losses of the server: an older connection is not used again.
  let generation: Int
  /// Until when it is kept while nobody uses it; the pool's.
  var idleUntil = Deadline(after: .zero)
  /// The part of the feed of revocations that this connection adds to; another after a conflict.
  var shard = RevocationFeed.randomShard()
  private(set) var isBroken = false
  private let library: Library
  private let handle: OpaquePointer
  /// How many warnings the server has sent.
  private let warnings: UnsafeMutablePointer<Int32>
  /// By the address of the SQL literal, which is unique to its text.
  private var prepared: Set<UInt> = []
  private var preparing: Set<UInt> = []
  private var commands: [Command] = []

  /// Connects.
  ///
  /// It takes as long as `connect_timeout` says for each host.
  ///
  /// - Parameters:
  ///   - address: The server.
  ///   - kind: What is known of it.
  ///   - patience: How long a statement may take.
  ///   - generation: The pool's count.
  ///   - library: libpq.
  /// - Throws: `broken`, with what libpq said.
  init(
    _ address: ServerAddress, _ kind: ConnectionKind, patience: Duration, generation: Int,
    _ library: Library
  ) throws(Failure) {
    self.library = library
    self.kind = kind
    self.generation = generation
    let parameters = address.parameters(patience: patience, setsOptions: !kind.isPooled)
    let opened = unsafe withCStrings(parameters.map(\.0)) { keywords in
      unsafe withCStrings(parameters.map(\.1)) { values in
        unsafe library.functions.pointee.connectdbParams(keywords, values, 1)
      }
    }
    guard let handle = unsafe opened else { throw .broken("no memory for a connection") }
    let functions = unsafe library.functions.pointee
    guard unsafe functions.status(handle) == CONNECTION_OK,
      unsafe functions.setnonblocking(handle, 1) == 0,
      unsafe functions.enterPipelineMode(handle) == 1
    else {
      let message = unsafe functions.errorMessage(handle).map { unsafe String(cString: $0) } ?? ""
      unsafe functions.finish(handle)
      throw .broken(address.describe(message))
    }
    unsafe self.handle = handle
    unsafe warnings = .allocate(capacity: 1)
    unsafe warnings.initialize(to: 0)
    // Without this, libpq writes what the server notes to standard error.
    _ = unsafe functions.setNoticeReceiver(
      handle,
      { warnings, result in
        guard let result = unsafe result, let warnings = unsafe warnings,
          let library = try? Library.load(),
          let severity = unsafe library.functions.pointee.resultErrorField(
            result, cpq_diag_severity),
          unsafe String(cString: severity) == "WARNING"
        else { return }
        unsafe warnings.assumingMemoryBound(to: Int32.self).pointee += 1
      }, warnings)
  }

  deinit {
    unsafe library.functions.pointee.finish(handle)
    unsafe warnings.deallocate()
  }

  /// Queues a statement for the next exchange.
  func queue(_ sql: StaticString, _ values: [Value]) {
    var bytes: [UInt8] = [0]
    var ends: [Int?] = []
    for value in values { ends.append(value.append(to: &bytes) ? bytes.count : nil) }
    let types = values.map(\.type)
    let formats = [Int32](repeating: 1, count: values.count)
    let sent = unsafe bytes.withUnsafeBufferPointer { buffer in
      var start = 1
      var lengths: [Int32] = []
      let pointers = unsafe ends.map { end -> UnsafePointer<CChar>? in
        guard let end else {
          lengths.append(0)
          return nil
        }
        defer { start = end }
        lengths.append(Int32(end - start))
        return unsafe buffer.baseAddress.map { base in
          unsafe UnsafeRawPointer(base + start).assumingMemoryBound(to: CChar.self)
        }
      }
      return unsafe send(sql, types, pointers, lengths, formats)
    }
    if !sent { isBroken = true }
  }

  private func send(
    _ sql: StaticString, _ types: [UInt32], _ values: [UnsafePointer<CChar>?],
    _ lengths: [Int32], _ formats: [Int32]
  ) -> Bool {
    let functions = unsafe library.functions.pointee
    let text = unsafe UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
    let count = Int32(types.count)
    commands.append(.run)
    guard !kind.isPooled else {
      return unsafe functions.sendQueryParams(
        handle, text, count, types, values, lengths, formats, 1) == 1
    }
    let key = unsafe UInt(bitPattern: sql.utf8Start)
    let name = sql.statementName
    if !prepared.contains(key), preparing.insert(key).inserted {
      commands.insert(.prepare(key), at: commands.count - 1)
      guard unsafe functions.sendPrepare(handle, name, text, count, types) == 1 else {
        return false
      }
    }
    return unsafe functions.sendQueryPrepared(
      handle, name, count, values, lengths, formats, 1) == 1
  }

  /// Sends what is queued and waits for all the answers.
  ///
  /// - Parameter deadline: When the connection is given up.
  /// - Returns: One answer for each statement that was queued.
  /// - Throws: The first failure; what stood behind it was not run.
  func exchange(until deadline: Deadline) throws(Failure) -> [Answer] {
    defer { preparing = [] }
    do throws(Failure) {
      synchronize()
      guard !isBroken else { throw brokenNow() }
      let expected = commands
      commands = []
      var answers: [Answer] = []
      var failure: Failure?
      for command in expected {
        if case .synchronize = command {
          try expectSync(until: deadline)
          continue
        }
        while let answer = try next(until: deadline, &failure) {
          switch command {
          case .prepare(let key): prepared.insert(key)
          case .run: answers.append(answer)
          case .forget, .synchronize: break
          }
        }
      }
      if let failure { throw failure }
      guard answers.count == expected.count(where: \.isRun) else { throw brokenNow() }
      return answers
    } catch {
      if error.kind == .broken { isBroken = true }
      throw error
    }
  }

  /// Sends a statement whose answer is read before that of the next exchange.
  func post(_ sql: StaticString) {
    queue(sql, [])
    if let last = commands.indices.last { commands[last] = .forget }
    synchronize()
    if !isBroken, unsafe library.functions.pointee.flush(handle) < 0 { isBroken = true }
  }

  private func synchronize() {
    guard !isBroken, unsafe library.functions.pointee.pipelineSync(handle) == 1 else {
      isBroken = true
      return
    }
    commands.append(.synchronize)
  }

  /// Makes the connection one that is not used again.
  func giveUp() {
    isBroken = true
  }

  /// How many warnings have come so far.
  var warningCount: Int32 { unsafe warnings.pointee }

  /// The next answer to a statement, nil after its last.
  private func next(
    until deadline: Deadline, _ failure: inout Failure?
  ) throws(Failure) -> Answer? {
    while true {
      guard let result = unsafe try receive(until: deadline) else { return nil }
      let functions = unsafe library.functions.pointee
      let status = unsafe functions.resultStatus(result)
      if status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK {
        return unsafe Answer(result, of: library)
      }
      let found = unsafe self.failure(of: result, status)
      unsafe functions.clear(result)
      if failure == nil, status != PGRES_PIPELINE_ABORTED { failure = found }
      if found.kind == .broken { throw found }
    }
  }

  private func failure(of result: OpaquePointer, _ status: ExecStatusType) -> Failure {
    let functions = unsafe library.functions.pointee
    func field(_ code: Int32) -> String {
      unsafe functions.resultErrorField(result, code).map { unsafe String(cString: $0) } ?? ""
    }
    guard status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED else {
      return .broken("unexpected answer \(status.rawValue)")
    }
    guard status == PGRES_FATAL_ERROR else { return Failure(kind: .refused, error: .busy) }
    return Failure(state: field(cpq_diag_sqlstate), message: field(cpq_diag_message))
  }

  private func expectSync(until deadline: Deadline) throws(Failure) {
    guard let result = unsafe try receive(until: deadline) else { throw brokenNow() }
    let status = unsafe library.functions.pointee.resultStatus(result)
    unsafe library.functions.pointee.clear(result)
    guard status == PGRES_PIPELINE_SYNC else { throw brokenNow() }
  }

  /// What libpq has received, nil after the last result of a statement.
  private func receive(until deadline: Deadline) throws(Failure) -> OpaquePointer? {
    let functions = unsafe library.functions.pointee
    while true {
      let flushed = unsafe functions.flush(handle)
      guard flushed >= 0 else { throw brokenNow() }
      if unsafe functions.isBusy(handle) == 0 { return unsafe functions.getResult(handle) }
      try wait(toWrite: flushed == 1, until: deadline)
      guard unsafe functions.consumeInput(handle) == 1 else { throw brokenNow() }
    }
  }

  private func wait(toWrite: Bool, until deadline: Deadline) throws(Failure) {
    let socket = unsafe library.functions.pointee.socket(handle)
    guard socket >= 0 else { throw brokenNow() }
    var wanted = pollfd(
      fd: socket, events: Int16(POLLIN | (toWrite ? POLLOUT : 0)), revents: 0)
    while true {
      let count = unsafe poll(&wanted, 1, Int32(clamping: deadline.millisecondsLeft))
      if count > 0 { return }
      if count == 0 { throw .timedOut }
      guard errno == EINTR else { throw brokenNow() }
    }
  }

  private func brokenNow() -> Failure { .broken("the connection broke") }
}

extension ServerConnection.Command {
  fileprivate var isRun: Bool {
    if case .run = self { true } else { false }
  }
}

extension StaticString {
  /// The name of the prepared statement: a digest of its text, so that a name never means another
  /// statement, whoever prepared it (FNV-1a).
  fileprivate var statementName: String {
    withUTF8Buffer { text in
      let digest = unsafe text.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { digest, byte in
        (digest ^ UInt64(byte)) &* 0x100_0000_01b3
      }
      return "ts" + String(digest, radix: 36)
    }
  }
}

/// Hands texts to C as an array of pointers that ends with a null.
private func withCStrings<T>(
  _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> T
) -> T {
  var copies = unsafe texts.map { unsafe strdup($0) } + [nil]
  defer { unsafe copies.forEach { unsafe free($0) } }
  return unsafe copies.withUnsafeMutableBufferPointer { copies in
    unsafe copies.withMemoryRebound(to: UnsafePointer<CChar>?.self) { pointers in
      unsafe body(pointers.baseAddress.map { unsafe UnsafePointer($0) })
    }
  }
}
