// One connection of the event loop, and what can be done to it without the loop.

import CSystem
import Glibc

/// A place for a connection; it is used again when that connection has ended.
final class Connection {
  /// Where it stands in the loop's list.
  let slot: Int
  /// Told apart from earlier connections of the same place, so that an event that was fetched
  /// before the end of one does not reach the next.
  var generation: UInt32 = 0
  var descriptor: Int32 = -1
  var reader: RecordReader
  /// Output that the peer has not taken yet.
  var pending: [UInt8] = []
  var written = 0
  /// What epoll watches it for; 0 if it is not there.
  var watched: UInt32 = 0
  var fate = Fate.kept
  /// When what it waits for has taken too long, in milliseconds.
  var deadline = 0
  /// Which of the loop's connections was heard of later: the one with the higher turn.
  var turn = 0
  /// Whether a request was answered on it.
  var isUsed = false

  /// What becomes of a connection when its output is written.
  enum Fate {
    case kept, closed
    /// Closed for our side; what the peer still sends is read and dropped, so that it gets to read
    /// the answer.
    case lingering
  }

  init(slot: Int, reader: RecordReader) {
    self.slot = slot
    self.reader = reader
  }

  var isOpen: Bool { descriptor >= 0 }
  var hasPending: Bool { written < pending.count }
  var isLingering: Bool { fate == .lingering && !hasPending }
  /// Silent between requests.
  var isIdle: Bool { isOpen && fate == .kept && !hasPending && reader.isIdle }

  /// What epoll hands back.
  var key: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

  func open(_ descriptor: Int32) {
    self.descriptor = descriptor
    generation &+= 1
    watched = 0
    fate = .kept
    isUsed = false
  }

  /// Puts the answer to the request that is ready behind the output, and decides what follows it.
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

  /// Puts the reader's replies behind the output.
  func takeReplies() {
    if reader.wantsClose && fate == .kept { fate = .lingering }
    guard !reader.replies.isEmpty else { return }
    pending += reader.replies
    reader.replies.removeAll(keepingCapacity: true)
  }

  /// Closes the descriptor, which also takes it out of epoll.
  func close() {
    _ = Glibc.close(descriptor)
    descriptor = -1
    emptyPending()
    reader.reset()
  }

  /// Writes what is pending.
  ///
  /// - Returns: False if the peer is gone.
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
