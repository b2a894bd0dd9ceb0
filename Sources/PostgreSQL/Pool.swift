import Accounts
import Glibc
import Threads

/// The connections of a process: opened as they are needed, a bounded number, kept for the next.
///
/// While the server cannot be reached, callers are refused at once and one of them tries again now
/// and then, ever more rarely up to half a second.
final class Pool: Sendable {
  private struct State {
    var idle: [ServerConnection] = []
    /// Connections that are idle, in use, or being opened.
    var open = 0
    var waiting: [Signal] = []
    var kind = ConnectionKind()
    /// Connections of an earlier generation are of a server that was lost.
    var generation = 0
    var outage: Outage?
    /// Until when no more are opened, because the server has refused one beside those that work.
    var limited = Deadline(after: .zero)
  }

  private struct Outage {
    let failure: Failure
    var delay: Int
    var until: Deadline
    var isTrying = false
  }

  private let address: ServerAddress
  private let library: Library
  private let options: PostgreSQLOptions
  private let state = Locked(State())

  init(_ address: ServerAddress, _ options: PostgreSQLOptions, _ library: Library) {
    self.address = address
    self.options = options
    self.library = library
  }

  /// A connection for one thread, which gives it back.
  ///
  /// - Parameter deadline: Until when it waits for another thread to give one back.
  /// - Returns: The connection, which `give(back:)` takes again.
  /// - Throws: `busy` where none came in time, `broken` while the server cannot be reached.
  func take(until deadline: Deadline) throws(Failure) -> ServerConnection {
    while true {
      let turn = Signal()
      let step = state.withLock { state -> Step in self.step(&state, turn) }
      switch step {
      case .use(let connection): return connection
      case .fail(let failure): throw failure
      case .connect(let kind, let generation):
        if let connection = try open(kind, generation) { return connection }
      case .wait:
        guard turn.wait(until: deadline) else {
          let isLast = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0 === turn }) else { return false }
            state.waiting.remove(at: index)
            return true
          }
          if isLast { throw Failure(kind: .refused, error: .busy) }
          continue
        }
      }
    }
  }

  private enum Step {
    case use(ServerConnection)
    case connect(ConnectionKind, generation: Int)
    case wait
    case fail(Failure)
  }

  private func step(_ state: inout State, _ turn: Signal) -> Step {
    if let connection = state.idle.popLast() { return .use(connection) }
    let isFull =
      state.open >= options.connections || (state.open > 0 && state.limited.millisecondsLeft > 0)
    if let outage = state.outage {
      guard !isFull, !outage.isTrying, outage.until.millisecondsLeft == 0 else {
        return .fail(outage.failure)
      }
      state.outage?.isTrying = true
    }
    guard !isFull else {
      state.waiting.append(turn)
      return .wait
    }
    state.open += 1
    return .connect(state.kind, generation: state.generation)
  }

  /// Opens a connection; nil where the server takes no more than those that are open, one of which
  /// will be given back.
  private func open(
    _ kind: ConnectionKind, _ generation: Int
  ) throws(Failure) -> ServerConnection? {
    do throws(Failure) {
      let connection = try connect(kind, generation)
      state.withLock { $0.outage = nil }
      return connection
    } catch {
      let waiting = state.withLock { state -> [Signal]? in
        state.open -= 1
        if error.kind == .broken, state.open > 0, state.outage == nil {
          // Too many connections, perhaps. If the server is gone, those that are open tell.
          state.limited = Deadline(after: .seconds(1))
          return nil
        }
        if error.kind == .broken {
          let delay = min(500, (state.outage?.delay ?? 25) * 2)
          state.outage = Outage(
            failure: error, delay: delay,
            until: Deadline(after: .milliseconds(Int.random(in: delay / 2...delay))))
        } else {
          state.outage = nil
        }
        defer { state.waiting = [] }
        return state.waiting
      }
      guard let waiting else { return nil }
      for turn in waiting { turn.raise() }
      throw error
    }
  }

  private func connect(
    _ kind: ConnectionKind, _ generation: Int
  ) throws(Failure) -> ServerConnection {
    let connection = try ServerConnection.open(
      address, kind, patience: options.patience, generation: generation, library)
    if connection.kind != kind { usePooler() }
    try Schema.admit(connection, until: Deadline(after: options.patience))
    return connection
  }

  /// Takes a connection back.
  func give(back connection: ServerConnection) {
    let (lost, turn) = state.withLock { state -> ([ServerConnection], Signal?) in
      var lost: [ServerConnection] = []
      if connection.isBroken, connection.generation == state.generation {
        // Its server is gone, or cannot be reached: the idle ones are no better.
        state.generation += 1
        lost = state.idle
        state.idle = []
      }
      if connection.generation == state.generation, connection.kind == state.kind {
        connection.idleUntil = Deadline(after: .seconds(15))
        state.idle.append(connection)
        // The one in use last is taken first, so what a rush has opened sinks to the bottom.
        if state.idle.count > 1, state.idle[0].idleUntil.millisecondsLeft == 0 {
          lost.append(state.idle.removeFirst())
        }
      } else {
        lost.append(connection)
      }
      state.open -= lost.count
      return (lost, state.waiting.isEmpty ? nil : state.waiting.removeFirst())
    }
    // Closed outside the lock.
    withExtendedLifetime(lost) {}
    turn?.raise()
  }

  /// Prepares no statement any more: the connections are a pooler's.
  func usePooler() {
    state.withLock { $0.kind.isPooled = true }
  }
}

extension ServerConnection {
  /// Connects, and finds out whether a pooler stands between.
  static func open(
    _ address: ServerAddress, _ kind: ConnectionKind = ConnectionKind(), patience: Duration,
    generation: Int = 0, _ library: Library
  ) throws(Failure) -> ServerConnection {
    do throws(Failure) {
      return try ServerConnection(
        address, kind, patience: patience, generation: generation, library)
    } catch {
      // What pgbouncer says of settings at the start.
      guard !kind.isPooled, case .unreadable(let what) = error.error,
        what.utf8.contains(sequence: "startup parameter")
      else { throw error }
      return try ServerConnection(
        address, ConnectionKind(isPooled: true), patience: patience, generation: generation,
        library)
    }
  }
}

extension String.UTF8View {
  /// Whether the text occurs in this one.
  func contains(sequence: String) -> Bool {
    let (all, part) = (Array(self), Array(sequence.utf8))
    guard all.count >= part.count else { return false }
    return (0...(all.count - part.count)).contains {
      all[$0..<($0 + part.count)].elementsEqual(part)
    }
  }
}
