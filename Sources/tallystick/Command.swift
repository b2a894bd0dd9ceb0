import Accounts
import Configuration
import Launch
import Logging
import System
import Text
import Wire

/// An option of a command; one with a value takes it from the next word.
struct Option: Sendable {
  let name: String
  /// What the value is called in the help; nil for a switch.
  var value: String?
  let meaning: String

  var description: JSON {
    .object(
      JSONObject([
        ("name", .string(name)), ("value", value.map(JSON.string) ?? .null),
        ("meaning", .string(meaning)),
      ]))
  }

  static let json = Option(name: "--json", meaning: "print JSON")
}

/// The words of one call, sorted out.
struct Arguments {
  private(set) var positional: [String] = []
  private(set) var options: [String: String] = [:]

  /// Sorts words into positional ones and the options that are known.
  ///
  /// - Throws: The line that says which word is wrong.
  init(_ words: [String], positional names: [String], options known: [Option]) throws(Refused) {
    var rest = words[...]
    var onlyNames = false
    while let word = rest.popFirst() {
      if word == "--", !onlyNames {
        onlyNames = true
        continue
      }
      guard !onlyNames, word.utf8.starts(with: "--".utf8) else {
        positional.append(word)
        continue
      }
      guard let option = known.first(where: { $0.name == word }) else {
        throw Refused(status: 100, line: "no option \(quoted(word))")
      }
      guard options[word] == nil else {
        throw Refused(status: 100, line: "\(word) stands twice")
      }
      guard option.value != nil else {
        options[word] = ""
        continue
      }
      guard let value = rest.popFirst() else {
        throw Refused(status: 100, line: "\(word) needs a value")
      }
      options[word] = value
    }
    guard positional.count == names.count else {
      let wanted = names.isEmpty ? "no argument" : names.joined(separator: " ")
      throw Refused(status: 100, line: "wrong number of arguments: expected \(wanted)")
    }
  }

  /// Whether an option was given.
  func has(_ name: String) -> Bool { options[name] != nil }
}

/// Why a command did not do what was asked: the exit status and one line.
struct Refused: Error {
  var status: Int32 = 1
  let line: String
}

/// One command of the administrator.
struct Command: Sendable {
  let path: [String]
  var arguments: [String] = []
  var options: [Option] = []
  let summary: String
  var state = StateUse.existing
  /// Does it and prints; throws what went wrong.
  let run: @Sendable (_ arguments: Arguments) throws -> Void

  /// How it is called.
  var synopsis: String {
    (["tallystick"] + path + arguments
      + options.map { "[" + $0.name + ($0.value.map { " " + $0 } ?? "") + "]" })
      .joined(separator: " ")
  }

  /// The text of `--help`.
  var help: String {
    var lines = [summary, "", "usage: " + synopsis]
    if !options.isEmpty { lines.append("") }
    for option in options {
      let head = option.name + (option.value.map { " " + $0 } ?? "")
      lines.append("  " + padded(head, 20) + option.meaning)
    }
    return lines.joined(separator: "\n")
  }

  /// One line a command.
  static func overview(_ commands: [Command]) -> String {
    let head = "usage: tallystick COMMAND [--help]\n"
    let rows = commands.map { command in
      "  " + padded((command.path + command.arguments).joined(separator: " "), 32) + command.summary
    }
    let foot =
      "\nThe state directory and the other settings are environment variables, TALLYSTICK_…:"
      + "\nsee tallystick config show. What the environment does not set comes from"
      + "\n\(InstalledSettings.path), unless it names another TALLYSTICK_STATE."
      + "\nA name that begins with -- goes behind a lone --. tallystick --version: the version."
    return ([head] + rows + [foot]).joined(separator: "\n")
  }

  /// The table of commands as JSON.
  static func description(of commands: [Command]) -> JSON {
    .array(
      commands.map { command in
        .object(
          JSONObject([
            ("path", .array(command.path.map(JSON.string))),
            ("arguments", .array(command.arguments.map(JSON.string))),
            ("summary", .string(command.summary)),
            ("options", .array(command.options.map(\.description))),
          ]))
      })
  }

  /// Runs it with these words; the exit status.
  func execute(_ words: [String]) -> Int32 {
    do {
      let arguments = try Arguments(words, positional: arguments, options: options)
      try InstalledSettings.addToEnvironment()
      if state == .existing { try Owner.takeOn(of: try Context.settings().state) }
      try run(arguments)
      return 0
    } catch let refused as Refused {
      printError(refused.line + (refused.status == 100 ? "; usage: \(synopsis)" : ""))
      return refused.status
    } catch let refusal as Refusal {
      printError(asLine(refusal.explanation))
      return 1
    } catch {
      let end = ending(after: error)
      printError(end.line)
      return end.status
    }
  }
}

/// A sentence as one of our lines: no capital, no full stop.
private func asLine(_ sentence: String) -> String {
  let text = sentence.hasSuffix(".") ? sentence.dropLast() : sentence[...]
  return text.prefix(1).lowercased() + text.dropFirst()
}
