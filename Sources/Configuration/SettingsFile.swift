// The file in which an installation keeps its settings.
//
// systemd reads it for the programs, as EnvironmentFile=, and the administrator's command for
// itself. So it may contain only what both read alike.

import Text

/// Why a settings file is refused.
package struct SettingsFileError: Error, Equatable {
  /// The line, counted from 1.
  package let line: Int
  /// What is wrong, as it follows the line's number.
  package let problem: String
}

/// The variables of a settings file, in their order.
///
/// The allowed subset of systemd.exec(5), EnvironmentFile=: empty lines, comments that begin with
/// `#` or `;`, and `NAME=VALUE` with at most one pair of quotes around the whole value. A backslash,
/// a quote inside a value and a name that stands twice are refused: systemd would give them a
/// meaning that is easily mistaken.
package struct SettingsFile: Equatable, Sendable {
  package let variables: [(name: String, value: String)]

  package static func == (left: SettingsFile, right: SettingsFile) -> Bool {
    left.variables.elementsEqual(right.variables) { $0 == $1 }
  }

  /// Reads the contents of a file.
  ///
  /// - Throws: The first line that is wrong.
  package init(_ contents: [UInt8]) throws(SettingsFileError) {
    var found: [(name: String, value: String)] = []
    let lines = contents.split(separator: 0x0a, omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw SettingsFileError(line: index + 1, problem: "is not UTF-8")
      }
      guard let variable = try SettingsFile.variable(text, line: index + 1) else { continue }
      guard !found.contains(where: { $0.name == variable.name }) else {
        throw SettingsFileError(line: index + 1, problem: "names \(variable.name) a second time")
      }
      found.append(variable)
    }
    variables = found
  }

  /// The variable that a line sets; nil for a comment or an empty line.
  private static func variable(
    _ text: String, line: Int
  ) throws(SettingsFileError) -> (name: String, value: String)? {
    func refuse(_ problem: String) -> SettingsFileError {
      SettingsFileError(line: line, problem: problem)
    }
    let bytes = trimmed(Array(text.utf8)[...])
    guard let first = bytes.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";")
    else { return nil }
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else {
      throw refuse("is neither NAME=VALUE nor a comment")
    }
    let name = bytes[..<equals]
    guard let start = name.first, !isDigit(start), name.allSatisfy(isNameByte) else {
      throw refuse("has no name before the =: letters, digits and _ are allowed")
    }
    var value = trimmed(bytes[(equals + 1)...])
    if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      guard value.count >= 2, value.last == quote else {
        throw refuse("has a quote without its pair")
      }
      value = value.dropFirst().dropLast()
    }
    guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      throw refuse("has a control character")
    }
    guard !value.contains(where: { #""'\`$"#.utf8.contains($0) }) else {
      throw refuse("has a backslash, a dollar or a quote inside its value")
    }
    return (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_")
      || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xdf)
  }

  /// Without spaces and tabs on either side.
  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    var rest = bytes.drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return rest
  }
}
