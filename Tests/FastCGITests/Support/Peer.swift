// The web server's end of a FastCGI connection.

import CSystem
import Glibc

@testable import FastCGI

/// What came back for one request.
struct Answer: Equatable {
  var output: [UInt8] = []
  /// FastCGI 1.0 §5.5.
  var protocolStatus: UInt8

  var text: String { String(decoding: output, as: UTF8.self) }
  /// The first line, without its end.
  var statusLine: String { String(decoding: output.prefix { $0 != 0x0d }, as: UTF8.self) }
  var body: String {
    guard let end = output.firstRange(of: Array("\r\n\r\n".utf8)) else { return "" }
    return String(decoding: output[end.upperBound...], as: UTF8.self)
  }
}

struct PeerRecord: Equatable {
  let type: UInt8
  let id: UInt16
  let content: [UInt8]
}

/// One connection; it waits at most ten seconds for anything.
final class Peer {
  struct Failure: Error { let reason: String }

  let descriptor: Int32
  private var received: [UInt8] = []
  /// Swift lets an object go after its last use; a server must live as long as its peers.
  private let server: TestServer?

  /// A descriptor that is not connected yet.
  init(of server: TestServer? = nil) {
    self.server = server
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var time = timeval(tv_sec: 10, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  convenience init(_ path: String, of server: TestServer? = nil) throws {
    self.init(of: server)
    try connect(path)
  }

  func connect(_ path: String) throws {
    guard var address = sockaddr_un(path: path), connectUnix(descriptor, &address) == 0 else {
      let code = errno
      throw Failure(reason: "connect: \(code)")
    }
  }

  deinit { _ = close(descriptor) }

  /// Sends everything, or as much as the responder takes before it hangs up.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.send(
          descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The next record; nil once the responder has closed.
  func record() throws -> PeerRecord? {
    while true {
      if received.count >= 8 {
        let length = Int(received[4]) << 8 | Int(received[5])
        let end = 8 + length + Int(received[6])
        if received.count >= end {
          let record = PeerRecord(
            type: received[1], id: UInt16(received[2]) << 8 | UInt16(received[3]),
            content: Array(received[8..<8 + length]))
          received.removeFirst(end)
          return record
        }
      }
      guard try receive() else { return nil }
    }
  }

  private func receive() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
    }
    // A responder that closes before it has read everything resets the connection.
    if count < 0 && errno == ECONNRESET { return false }
    guard count >= 0 else { throw Failure(reason: "no answer within ten seconds") }
    received += buffer.prefix(count)
    return count > 0
  }

  /// Reads to the end of a request; nil if the connection ends first.
  func answer(to id: UInt16 = 1) throws -> Answer? {
    var answer = Answer(protocolStatus: 0)
    while let record = try record() {
      guard record.id == id else { continue }
      if record.type == 6 { answer.output += record.content }
      if record.type == 3 {
        answer.protocolStatus = record.content[4]
        return answer
      }
    }
    return nil
  }

  /// Sends a request and reads its answer.
  func exchange(_ request: [UInt8]) throws -> Answer? {
    send(request)
    return try answer()
  }

  /// Whether the responder closes without another record.
  func isClosed() throws -> Bool { try record() == nil }
}
