// Reads the word lists of Debian's libdata-password-zxcvbn-perl.

import Text

extension Blocklist {
  /// The words of a file `RankedDictionaries/….pm` of Debian's libdata-password-zxcvbn-perl.
  ///
  /// A program has written the file as Perl source: a hash of lists, of which each is a hash from
  /// words to ranks, with one entry on each line. This parses the lines and does not run Perl.
  ///
  /// - Parameter bytes: The file.
  /// - Returns: The words of all its lists.
  /// - Throws: `malformed` for the first line of another form. A parser that skipped lines would
  ///   leave words out of the blocklist, and nobody would notice.
  package static func words(
    inRankedDictionaries bytes: [UInt8]
  ) throws(BlocklistError) -> [[UInt8]] {
    let lines = bytes.split(separator: newline, omittingEmptySubsequences: false)
    guard let opening = lines.firstIndex(where: { $0.elementsEqual(opensFile) }) else {
      throw .malformed("no line opens the dictionaries")
    }
    var words: [[UInt8]] = []
    var isInList = false
    for (index, line) in lines.enumerated().dropFirst(opening + 1) {
      if isInList, let word = entry(line) {
        words.append(word)
      } else if isInList, line.elementsEqual(closesList) {
        isInList = false
      } else if !isInList, opensList(line) {
        isInList = true
      } else if !isInList, lines[index...].map(Array.init) == closesFile {
        return words
      } else {
        throw .malformed("line \(index + 1) is not one that libdata-password-zxcvbn-perl writes")
      }
    }
    throw .malformed("the dictionaries do not end")
  }

  /// Whether the line is `  'NAME' => {`.
  private static func opensList(_ line: ArraySlice<UInt8>) -> Bool {
    var rest = line
    return take(beforeName, from: &rest) && literal(from: &rest) != nil
      && rest.elementsEqual(afterName)
  }

  /// The word of a line `    'WORD' => RANK,`, or nil.
  private static func entry(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = line
    guard take(beforeWord, from: &rest), let word = literal(from: &rest),
      take(afterWord, from: &rest), rest.popLast() == UInt8(ascii: ","), !rest.isEmpty,
      rest.allSatisfy(isDigit)
    else { return nil }
    return word
  }

  private static func take(_ text: [UInt8], from rest: inout ArraySlice<UInt8>) -> Bool {
    guard rest.starts(with: text) else { return false }
    rest = rest.dropFirst(text.count)
    return true
  }

  /// The rest of a string literal, up to its closing quote; nil if it is empty or does not end.
  ///
  /// In single quotes Perl has two escapes: those of the quote and of the backslash.
  private static func literal(from rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    var text: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == quote { return text.isEmpty ? nil : text }
      if byte == backslash {
        guard let escaped = rest.popFirst(), escaped == quote || escaped == backslash else {
          return nil
        }
        text.append(escaped)
      } else {
        text.append(byte)
      }
    }
    return nil
  }
}

private let opensFile = Array("our %ranked_dictionaries = (".utf8)
private let beforeName = Array("  '".utf8)
private let afterName = Array(" => {".utf8)
private let beforeWord = Array("    '".utf8)
private let afterWord = Array(" => ".utf8)
private let closesList = Array("  },".utf8)
private let closesFile = [")", ";", "", "1;", ""].map { Array($0.utf8) }
private let quote = UInt8(ascii: "'")
private let backslash = UInt8(ascii: "\\")
