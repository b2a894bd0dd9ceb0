/// A whole configuration, as `nginx -T` prints it.
package struct Configuration: Sendable {
  /// The directives of the main file, every include replaced by what it includes.
  package let directives: [Directive]
  /// The text of each file, by its path.
  package let files: [String: [UInt8]]

  /// Reads the output of `nginx -T`: each file below a line `# configuration file PATH:`.
  ///
  /// - Throws: The first place at which nginx would not go on.
  package init(dump: [UInt8]) throws(SyntaxError) {
    let parts = Configuration.parts(of: dump)
    guard let main = parts.first else {
      throw SyntaxError(file: "nginx -T", line: 1, problem: "there is no configuration file in it")
    }
    var read: [String: [Directive]] = [:]
    var files: [String: [UInt8]] = [:]
    for (path, text) in parts where read[path] == nil {
      read[path] = try Directive.read(text, file: path)
      files[path] = Array(text)
    }
    self.files = files
    let names = parts.map(\.path)
    let folder = main.path.lastIndex(of: "/").map { main.path[..<$0] } ?? ""
    directives = try Configuration.including(
      read[main.path] ?? [], from: read, names, below: String(folder), depth: 0)
  }

  private static func parts(of dump: [UInt8]) -> [(path: String, text: ArraySlice<UInt8>)] {
    let mark = Array("# configuration file ".utf8)
    var parts: [(path: String, text: ArraySlice<UInt8>)] = []
    var start = dump.startIndex
    while start < dump.endIndex {
      let end = dump[start...].firstIndex(of: 0x0a) ?? dump.endIndex
      let line = dump[start..<end]
      if line.starts(with: mark), line.last == UInt8(ascii: ":") {
        let path = String(decoding: line.dropFirst(mark.count).dropLast(), as: UTF8.self)
        parts.append((path, dump[min(end + 1, dump.endIndex)..<min(end + 1, dump.endIndex)]))
      } else if let last = parts.indices.last {
        let text = parts[last].text
        parts[last].text = dump[text.startIndex..<min(end + 1, dump.endIndex)]
      }
      start = end + 1
    }
    return parts
  }

  /// Replaces includes, in every block.
  private static func including(
    _ directives: [Directive], from read: [String: [Directive]], _ names: [String],
    below folder: String, depth: Int
  ) throws(SyntaxError) -> [Directive] {
    var result: [Directive] = []
    for directive in directives {
      if directive.name == "include", directive.block == nil {
        // nginx itself ends a circle by running out of files.
        guard depth < 50 else {
          throw SyntaxError(
            file: directive.file, line: directive.line, problem: "includes itself")
        }
        let pattern =
          directive.value.utf8.first == UInt8(ascii: "/")
          ? directive.value : folder + "/" + directive.value
        for name in names.filter({ matches(Array($0.utf8)[...], Array(pattern.utf8)[...]) })
          .sorted()
        {
          result += try including(
            read[name] ?? [], from: read, names, below: folder, depth: depth + 1)
        }
        continue
      }
      var copy = directive
      if let block = directive.block {
        copy.block = try including(block, from: read, names, below: folder, depth: depth)
      }
      result.append(copy)
    }
    return result
  }

  /// Whether a path is one that a pattern with `*` and `?` stands for; neither of them is a slash.
  static func matches(_ path: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return path.isEmpty }
    let slash = UInt8(ascii: "/")
    switch first {
    case UInt8(ascii: "*"):
      if matches(path, pattern.dropFirst()) { return true }
      guard let byte = path.first, byte != slash else { return false }
      return matches(path.dropFirst(), pattern)
    case UInt8(ascii: "?"):
      guard let byte = path.first, byte != slash else { return false }
      return matches(path.dropFirst(), pattern.dropFirst())
    default:
      return path.first == first && matches(path.dropFirst(), pattern.dropFirst())
    }
  }
}
