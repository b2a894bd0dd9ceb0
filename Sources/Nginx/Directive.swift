/// One directive of a configuration, with the place where it stands.
package struct Directive: Equatable, Sendable {
  package let name: String
  package let arguments: [String]
  /// What stands in its braces; nil where it ends with a semicolon.
  package var block: [Directive]?
  package let file: String
  /// The line of its name, counted from 1.
  package let line: Int

  /// The first argument; empty if there is none.
  package var value: String { arguments.first ?? "" }

  /// The text from which it could have been read, without its block.
  package var text: String { ([name] + arguments).joined(separator: " ") }
}

extension Directive {
  /// Reads the directives of one file; includes are left as they are.
  ///
  /// - Throws: The first place at which nginx would not go on.
  package static func read(
    _ bytes: ArraySlice<UInt8>, file: String
  ) throws(SyntaxError) -> [Directive] {
    var lexer = Lexer(bytes, file: file)
    return try directives(&lexer, file: file, inBlock: false)
  }

  private static func directives(
    _ lexer: inout Lexer, file: String, inBlock: Bool
  ) throws(SyntaxError) -> [Directive] {
    var found: [Directive] = []
    var words: [(text: String, line: Int)] = []
    while let token = try lexer.next() {
      switch token {
      case .word(let text, let line):
        words.append((text, line))
      case .semicolon, .open:
        guard let name = words.first else { throw lexer.error("a directive has no name") }
        var directive = Directive(
          name: name.text, arguments: words.dropFirst().map(\.text), file: file, line: name.line)
        if token == .open {
          if name.text.hasSuffix("_by_lua_block") {
            try lexer.skipForeignBlock()
            directive.block = []
          } else {
            directive.block = try directives(&lexer, file: file, inBlock: true)
          }
        }
        found.append(directive)
        words = []
      case .close:
        guard words.isEmpty else { throw lexer.error("a directive ends with } and not with ;") }
        guard inBlock else { throw lexer.error("} closes nothing") }
        return found
      }
    }
    guard words.isEmpty else { throw lexer.error("a directive is not ended") }
    guard !inBlock else { throw lexer.error("a block is not closed") }
    return found
  }
}
