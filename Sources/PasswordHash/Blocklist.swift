import CSystem
import Glibc
import System

/// The reason why the list of common passwords cannot be used.
package enum BlocklistError: Error, Equatable, Sendable {
  /// The file cannot be read; the text holds its path and the system's message.
  case unreadable(String)
  /// The file was not written by `tallystick init`; the text holds its path and the defect.
  case malformed(String)

  /// One line for a log.
  package var reason: String {
    switch self {
    case .unreadable(let what), .malformed(let what): what
    }
  }
}

/// The list of common passwords: one word in lower case on each line, sorted by bytes.
///
/// NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 5.0 6.2.4.
package struct Blocklist: Sendable {
  private let words: Words

  /// Opens a list that `tallystick init` has written.
  ///
  /// The file is memory-mapped, so looking up one word reads only a few of its pages.
  ///
  /// - Parameter path: The file.
  /// - Throws: `BlocklistError` for a missing, empty or truncated file, because an empty list would
  ///   accept every password.
  package init(at path: String) throws(BlocklistError) {
    words = try Words(at: path)
  }

  /// Checks that the whole file is sorted.
  ///
  /// `init` does not do this, because it would take too long for each request.
  ///
  /// - Throws: `BlocklistError.malformed` for an unsorted list.
  package func verify() throws(BlocklistError) {
    try words.verify()
  }

  /// Whether a lower-case word is on the list.
  package func contains(_ word: [UInt8]) -> Bool {
    words.contains(word)
  }
}

let newline = UInt8(ascii: "\n")

/// A memory-mapped file with one word on each line, sorted by bytes.
///
/// Its content never changes: `tallystick init` replaces the file and does not rewrite it.
@safe private final class Words: @unchecked Sendable {
  private let bytes: UnsafeRawBufferPointer
  private let count: Int
  private let path: String

  /// One byte of the file.
  ///
  /// It checks the bounds, because a raw buffer does so only in debug builds.
  private subscript(_ index: Int) -> UInt8 {
    precondition(index >= 0 && index < count)
    return unsafe bytes[index]
  }

  init(at path: String) throws(BlocklistError) {
    self.path = path
    let file: Descriptor
    do throws(FileError) {
      file = try Descriptor(regular: path, O_RDONLY)
    } catch {
      throw .unreadable(error.reason)
    }
    let size = Int(file.status.st_size)
    guard size > 0 else { throw .malformed("\(path) is empty") }
    let mapped = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, file.number, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw .unreadable(FileError.system(path, "cannot be read").reason)
    }
    unsafe bytes = UnsafeRawBufferPointer(start: mapped, count: size)
    count = size
    guard self[size - 1] == newline else { throw .malformed("\(path) is cut off") }
  }

  deinit {
    unsafe munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
  }

  func verify() throws(BlocklistError) {
    var previous: [UInt8] = []
    var start = 0
    while start < count {
      let word = line(at: start)
      guard previous.lexicographicallyPrecedes(word) else {
        throw .malformed("\(path) is not sorted at byte \(start)")
      }
      previous = word
      start += word.count + 1
    }
  }

  func contains(_ word: [UInt8]) -> Bool {
    var low = 0
    var high = count
    // Binary search. `low` and `high` are always at the start of a line.
    while low < high {
      var start = (low + high) / 2
      while start > low, self[start - 1] != newline { start -= 1 }
      let line = line(at: start)
      if line == word { return true }
      if line.lexicographicallyPrecedes(word) {
        low = start + line.count + 1
      } else {
        high = start
      }
    }
    return false
  }

  /// The line that starts at this offset, without its newline.
  private func line(at start: Int) -> [UInt8] {
    var end = start
    while end < count, self[end] != newline { end += 1 }
    return (start..<end).map { self[$0] }
  }
}
