// The state of one connection in the event loop, and the operations that do not need the loop.

import CSystem
import Glibc

/// A slot for a connection.
///
/// The loop reuses it for a new connection after the old one has ended.
final class Connection {
  /// The index in the loop's list of connections.
  let slot: Int
  /// The number of connections that have used this slot.
  ///
  /// It is part of the epoll key, so that an event that was fetched before the end of a connection
  /// does not reach the next one in the same slot.
  var generation: UInt32 = 0
  var descriptor: Int32 = -1
  var reader: RecordReader
  /// Output, of which the first `written` bytes have been sent.
  var pending: [UInt8] = []
  var written = 0
  /// The events for which epoll watches it; 0 if it is not added to epoll.
  var watched: UInt32 = 0
  var fate = Fate.kept
  /// The time at which the current operation times out, in milliseconds.
  var deadline = 0
  /// A sequence number: of two connections, the one with the higher number was active later.
  var turn = 0
  /// Whether a request has been answered on this connection.
  var isUsed = false

  /// What to do with a connection after its output has been sent.
  enum Fate {
    case kept, closed
    /// Shut down for writing. Input is read and discarded: closing with unread input would reset
    /// the connection, and the peer might not receive the response.
    case lingering
  }

  init(slot: Int, reader: RecordReader) {
    self.slot = slot
    self.reader = reader
  }

  var isOpen: Bool { descriptor >= 0 }
  var hasPending: Bool { written < pending.count }
  var isLingering: Bool { fate == .lingering && !hasPending }
  /// Whether the connection is kept and has no request in progress.
  var isIdle: Bool { isOpen && fate == .kept && !hasPending && reader.isIdle }

  /// The key of its events in epoll.
  var key: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

  func open(_ descriptor: Int32) {
    self.descriptor = descriptor
    generation &+= 1
    watched = 0
    fate = .kept
    isUsed = false
  }

  /// Appends the response to the ready request to the output, and decides what happens after it.
  func answer(_ response: EncodedResponse) {
    takeReplies()
    pending.appendAnswer(response, request: reader.request.id)
    if reader.request.phase == .early {
      fate = .lingering
    } else if !reader.request.keepsConnection {
      fate = .closed
    }
    reader.finishRequest()
    isUsed = true
  }

  /// Appends the reader's replies to the output.
  func takeReplies() {
    if reader.wantsClose && fate == .kept { fate = .lingering }
    guard !reader.replies.isEmpty else { return }
    pending += reader.replies
    reader.replies.removeAll(keepingCapacity: true)
  }

  /// Closes the descriptor, which also removes it from epoll.
  func close() {
    _ = Glibc.close(descriptor)
    descriptor = -1
    emptyPending()
    reader.reset()
  }

  /// Sends as much of the output as the peer accepts.
  ///
  /// - Returns: False if the connection is broken.
  func flush() -> Bool {
    while hasPending {
      let count = unsafe pending.withUnsafeBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
        return unsafe send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { return errno == EAGAIN || errno == EINTR }
      written += count
    }
    emptyPending()
    return true
  }

  private func emptyPending() {
    pending.removeAll(keepingCapacity: pending.capacity <= 16_384)
    written = 0
  }
}
