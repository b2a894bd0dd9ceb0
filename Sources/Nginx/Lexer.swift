// nginx's own lexical rules, as ngx_conf_read_token() in src/core/ngx_conf_file.c has them.
//
// They are unlike those of most languages: a quote or a # means something at the start of a word
// only, `}` inside a word is part of it, and `${` does not open a block.

/// A word, or what ends a directive.
enum Token: Equatable {
  case word(String, line: Int)
  case semicolon
  case open
  case close(line: Int)
}

/// Why a text is no configuration of nginx.
package struct SyntaxError: Error, Equatable {
  package let file: String
  /// Counted from 1.
  package let line: Int
  /// What is wrong, in a few words.
  package let problem: String
}

/// Reads tokens from one file.
struct Lexer {
  private let bytes: ArraySlice<UInt8>
  private let file: String
  private var index: Int
  private(set) var line = 1

  init(_ bytes: ArraySlice<UInt8>, file: String) {
    self.bytes = bytes
    self.file = file
    index = bytes.startIndex
  }

  func error(_ problem: String) -> SyntaxError {
    SyntaxError(file: file, line: line, problem: problem)
  }

  /// The next token; nil at the end of the file.
  mutating func next() throws(SyntaxError) -> Token? {
    skipBlanks()
    guard index < bytes.endIndex else { return nil }
    switch bytes[index] {
    case UInt8(ascii: ";"):
      index += 1
      return .semicolon
    case UInt8(ascii: "{"):
      index += 1
      return .open
    case UInt8(ascii: "}"):
      index += 1
      return .close(line: line)
    case let quote where quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"):
      return try quoted(by: quote)
    default:
      return try plain()
    }
  }

  /// The text of a block of Lua, which has rules of its own, up to the brace that closes it.
  mutating func skipForeignBlock() throws(SyntaxError) {
    var depth = 1
    while index < bytes.endIndex {
      let byte = bytes[index]
      index += 1
      if byte == 0x0a { line += 1 }
      if byte == UInt8(ascii: "{") { depth += 1 }
      if byte == UInt8(ascii: "}") { depth -= 1 }
      if depth == 0 { return }
    }
    throw error("a block is not closed")
  }

  private mutating func skipBlanks() {
    while index < bytes.endIndex {
      if bytes[index] == UInt8(ascii: "#") {
        while index < bytes.endIndex, bytes[index] != 0x0a { index += 1 }
      } else if isBlank(bytes[index]) {
        if bytes[index] == 0x0a { line += 1 }
        index += 1
      } else {
        return
      }
    }
  }

  private mutating func quoted(by quote: UInt8) throws(SyntaxError) -> Token {
    let start = line
    index += 1
    let first = index
    while index < bytes.endIndex, bytes[index] != quote {
      if bytes[index] == 0x0a { line += 1 }
      // What follows a backslash ends nothing.
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard index < bytes.endIndex else { throw error("a quote is not closed") }
    let word = Lexer.unescaped(bytes[first..<index])
    index += 1
    guard index < bytes.endIndex else { throw error("a directive is not ended") }
    // The parenthesis is that of `if`.
    guard isBlank(bytes[index]) || ";{)".utf8.contains(bytes[index]) else {
      throw error("something follows a quote without a blank")
    }
    return .word(word, line: start)
  }

  private mutating func plain() throws(SyntaxError) -> Token {
    let first = index
    var followsDollar = false
    while index < bytes.endIndex {
      let byte = bytes[index]
      if byte == UInt8(ascii: "{") && followsDollar {
        followsDollar = false
        index += 1
        continue
      }
      guard !isBlank(byte), byte != UInt8(ascii: ";"), byte != UInt8(ascii: "{") else { break }
      followsDollar = byte == UInt8(ascii: "$")
      if byte == UInt8(ascii: "\\"), index + 1 < bytes.endIndex {
        if bytes[index + 1] == 0x0a { line += 1 }
        index += 1
      }
      index += 1
    }
    return .word(Lexer.unescaped(bytes[first..<index]), line: line)
  }

  /// The value of a word: nginx removes a backslash before quotes and backslashes alone.
  private static func unescaped(_ raw: ArraySlice<UInt8>) -> String {
    var value: [UInt8] = []
    var rest = raw
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let following = rest.first else {
        value.append(byte)
        continue
      }
      switch following {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"):
        value.append(following)
      case UInt8(ascii: "t"): value.append(0x09)
      case UInt8(ascii: "r"): value.append(0x0d)
      case UInt8(ascii: "n"): value.append(0x0a)
      default:
        value.append(byte)
        continue
      }
      rest.removeFirst()
    }
    return String(decoding: value, as: UTF8.self)
  }
}

private func isBlank(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a
}
