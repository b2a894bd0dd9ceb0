// Builds the blocklist from its sources.

import Text

extension Blocklist {
  /// The minimum length of a word in bytes.
  ///
  /// Shorter words are left out, because no password is so short, even without the digits and
  /// punctuation at its end.
  package static let minimumByteCount = 6

  /// The contents of a blocklist file: the words in lower case, sorted, each once.
  ///
  /// - Parameters:
  ///   - words: Words in any order and case.
  ///   - minimum: The minimum length in bytes; shorter words are left out.
  /// - Returns: The bytes of the file.
  package static func build(
    from words: [[UInt8]], minimum: Int = minimumByteCount
  ) -> [UInt8] {
    let kept = Set(
      words.lazy.map { asciiLowercased($0) }.filter { word in
        word.count >= minimum && !word.contains { $0 < 0x20 || $0 == 0x7f }
      })
    return kept.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 + [newline] }
  }

  /// The words of a file with one word on each line.
  package static func words(inLines bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: newline).map { line in
      Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }
  }

  /// The words of Debian's lists, and common passwords that these lists do not contain.
  ///
  /// The latter are dates, words truncated to eight bytes, and a short list. Debian's lists omit
  /// most of them, because zxcvbn, for which they are made, recognizes them in other ways.
  ///
  /// - Parameter words: The words of all lists of libdata-password-zxcvbn-perl.
  /// - Returns: The words in any order, some of them twice.
  package static func completed(_ words: [[UInt8]]) -> [[UInt8]] {
    words + cutWords(of: words) + dates + Self.words(inLines: Array(supplement.utf8))
  }

  /// The first eight bytes of each longer word.
  ///
  /// crypt(3) with DES ignored the other bytes, so leaked lists contain many truncated words, and
  /// people still use them.
  private static func cutWords(of words: [[UInt8]]) -> [[UInt8]] {
    words.filter { $0.count > 8 }.map { Array($0.prefix(8)) }
  }

  /// Each day from 1900 to 2039 as eight digits, in both orders: `31121999` and `12311999`.
  ///
  /// Every month has 31 days here, because a date that does not exist is not a better password.
  private static var dates: [[UInt8]] {
    (1900...2039).flatMap { year in
      (1...12).flatMap { month in
        (1...31).flatMap { day in
          [[day, month], [month, day]].map { pair in
            (pair.flatMap { digits($0, count: 2) }) + digits(year, count: 4)
          }
        }
      }
    }
  }

  private static func digits(_ number: Int, count: Int) -> [UInt8] {
    var rest = number
    var text: [UInt8] = []
    for _ in 0..<count {
      text.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    }
    return text.reversed()
  }
}
