// What a blocklist is made from, and how.

extension Blocklist {
  /// Shorter words are left out: no password is so short, not even without its decoration.
  package static let minimumByteCount = 6

  /// The contents of a blocklist file: the words in lower case, sorted, each once.
  ///
  /// - Parameters:
  ///   - words: Words in any order and case.
  ///   - minimum: Bytes; shorter words are left out.
  /// - Returns: The file's bytes.
  package static func build(
    from words: [[UInt8]], minimum: Int = minimumByteCount
  ) -> [UInt8] {
    let kept = Set(
      words.lazy.map(lowercased).filter { word in
        word.count >= minimum && !word.contains { $0 < 0x20 || $0 == 0x7f }
      })
    return kept.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 + [newline] }
  }

  /// The words of a file with one on each line.
  package static func words(inLines bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: newline).map { line in
      Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }
  }

  /// The words of `zxcvbn/frequency_lists.py` of Debian's python3-zxcvbn, of all its lists.
  ///
  /// The file is Python source: each list is one string literal, its words separated by commas.
  /// The literals are read, nothing is run.
  package static func words(inFrequencyLists bytes: [UInt8]) -> [[UInt8]] {
    literals(in: bytes).filter { $0.contains(comma) }.flatMap { list in
      list.split(separator: comma).map(Array.init)
    }
  }

  private static func literals(in bytes: [UInt8]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var rest = bytes[...]
    while let start = rest.firstIndex(where: { isQuote($0) || $0 == UInt8(ascii: "#") }) {
      let opening = rest[start]
      rest = rest[(start + 1)...]
      if isQuote(opening) {
        found.append(literal(&rest, endingWith: opening))
      } else {
        rest = rest.drop { $0 != newline }
      }
    }
    return found
  }

  private static func literal(
    _ rest: inout ArraySlice<UInt8>, endingWith quote: UInt8
  ) -> [UInt8] {
    var text: [UInt8] = []
    while let byte = rest.popFirst(), byte != quote {
      // No list has more than escaped quotes and backslashes.
      if byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
        text.append(escaped)
      } else {
        text.append(byte)
      }
    }
    return text
  }

  private static func isQuote(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
  }

  private static func lowercased(_ word: [UInt8]) -> [UInt8] {
    word.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }
}

private let comma = UInt8(ascii: ",")
