import CSystem
import Glibc
import System

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
  private let words: Words

  /// Opens a list that `build` made.
  ///
  /// The file is mapped, so a program that asks for one word reads a few pages of it.
  ///
  /// - Parameter path: The file.
  /// - Throws: An error for a missing, empty or cut file: a list that finds nothing would let
  ///   everything pass.
  package init(at path: String) throws(BlocklistError) {
    words = try Words(at: path)
  }

  /// Looks at every word: what `init` cannot do for each request.
  ///
  /// - Throws: An error for an unsorted list.
  package func verify() throws(BlocklistError) {
    try words.verify()
  }

  /// Whether a lower-case word is on the list.
  package func contains(_ word: [UInt8]) -> Bool {
    words.contains(word)
  }
}

let newline = UInt8(ascii: "\n")

/// A mapped file of words, one a line, sorted by their bytes.
///
/// It is mapped for reading and never changes: `tallystick init` replaces, it does not rewrite.
@safe private final class Words: @unchecked Sendable {
  private let bytes: UnsafeRawBufferPointer
  private let count: Int
  private let path: String

  /// One byte; the standard library checks the bounds of a raw buffer only in debug builds.
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
    // Both ends stay at the start of a line.
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

  /// The line that begins here.
  private func line(at start: Int) -> [UInt8] {
    var end = start
    while end < count, self[end] != newline { end += 1 }
    return (start..<end).map { self[$0] }
  }
}
