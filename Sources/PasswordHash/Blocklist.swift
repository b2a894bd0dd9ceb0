import Glibc

/// Why there is no list of common passwords to go by.
package enum BlocklistError: Error, Equatable, Sendable {
  /// It cannot be read: the path and what the system said.
  case unreadable(String)
  /// It is empty or not what `tallystick init` writes: the path and what is wrong.
  case malformed(String)

  /// One line for a log.
  package var reason: String {
    switch self {
    case .unreadable(let what), .malformed(let what): what
    }
  }
}

/// Passwords that are too common to be allowed, one lower-case word a line, sorted by bytes.
///
/// NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 5.0 6.2.4.
package struct Blocklist: Sendable {
  private let bytes: [UInt8]

  /// Reads a list that `build` made.
  ///
  /// - Parameter path: The file.
  /// - Throws: An error for a missing, empty or unsorted file: a list that finds nothing would
  ///   let everything pass.
  package init(at path: String) throws(BlocklistError) {
    try self.init(try readFile(path), named: path)
  }

  /// Takes the contents of such a file.
  package init(_ bytes: [UInt8], named name: String) throws(BlocklistError) {
    guard !bytes.isEmpty else { throw .malformed("\(name) is empty") }
    guard bytes.last == newline else { throw .malformed("\(name) is cut off") }
    var previous: ArraySlice<UInt8> = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: newline) ?? bytes.count
      let word = bytes[start..<end]
      guard previous.lexicographicallyPrecedes(word) else {
        throw .malformed("\(name) is not sorted at byte \(start)")
      }
      previous = word
      start = end + 1
    }
    self.bytes = bytes
  }

  /// Whether a lower-case word is on the list.
  package func contains(_ word: [UInt8]) -> Bool {
    var low = 0
    var high = bytes.count
    // Both ends stay at the start of a line.
    while low < high {
      let middle = (low + high) / 2
      let start = bytes[low..<middle].lastIndex(of: newline).map { $0 + 1 } ?? low
      let end = bytes[middle...].firstIndex(of: newline) ?? bytes.count
      let line = bytes[start..<end]
      if line.elementsEqual(word) { return true }
      if line.lexicographicallyPrecedes(word) { low = end + 1 } else { high = start }
    }
    return false
  }
}

let newline = UInt8(ascii: "\n")

private func readFile(_ path: String) throws(BlocklistError) -> [UInt8] {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw unreadable(path) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe read(descriptor, &chunk, chunk.count)
    guard count >= 0 else {
      guard errno == EINTR else { throw unreadable(path) }
      continue
    }
    guard count > 0 else { return bytes }
    bytes.append(contentsOf: chunk.prefix(count))
  }
}

private func unreadable(_ path: String) -> BlocklistError {
  .unreadable("cannot read \(path): \(unsafe String(cString: strerror(errno)))")
}
