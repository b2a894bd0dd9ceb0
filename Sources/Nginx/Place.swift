/// A block of the configuration in which requests are decided: `http`, a server, or a location.
///
/// It knows the blocks around it, because nginx takes a directive from the nearest of them that has
/// any of its name.
package struct Place: Sendable {
  /// The directive that opens the block.
  package let directive: Directive
  /// The directives of each block, from `http` inwards to this one.
  private let levels: [[Directive]]

  fileprivate init(_ directive: Directive, inside levels: [[Directive]]) {
    self.directive = directive
    self.levels = levels + [directive.block ?? []]
  }

  /// The directives of this block alone.
  package var own: [Directive] { levels.last ?? [] }

  /// The directives of a name that are in force here: all of the nearest block that has one.
  package func effective(_ name: String) -> [Directive] {
    for level in levels.reversed() {
      let found = level.filter { $0.name == name }
      if !found.isEmpty { return found }
    }
    return []
  }

  /// The directives of a name in the blocks around this one.
  package func outer(_ name: String) -> [Directive] {
    levels.dropLast().flatMap { level in level.filter { $0.name == name } }
  }

  /// The directive of a name that is in force here, where one counts.
  package func setting(_ name: String) -> Directive? { effective(name).last }

  /// The directives of this block and of the `if` and `limit_except` blocks in it.
  package var ownAndConditional: [Directive] {
    own.flatMap { directive in
      directive.name == "if" || directive.name == "limit_except"
        ? [directive] + (directive.block ?? []) : [directive]
    }
  }

  /// Blocks of a name directly in this one.
  package func inner(_ name: String) -> [Place] {
    own.filter { $0.name == name && $0.block != nil }.map { Place($0, inside: levels) }
  }
}

extension Configuration {
  /// The `http` blocks, of which nginx allows one.
  package var http: Place? {
    directives.first { $0.name == "http" && $0.block != nil }.map { Place($0, inside: []) }
  }
}

extension Place {
  /// The servers of an `http` block.
  package var servers: [Place] { inner("server") }

  /// Every location of a server, each before those in it.
  package var locations: [Place] { inner("location").flatMap { [$0] + $0.locations } }
}

/// How a location is chosen.
package enum LocationMatch: Equatable, Sendable {
  /// `location = /path`
  case exact(String)
  /// `location /path`, and `location ^~ /path`, which no regular expression overrules.
  case prefix(String, overrulesExpressions: Bool)
  /// `location ~ expression`, `location ~* expression`
  case expression(String, ignoresCase: Bool)
  /// `location @name`
  case named(String)
}

extension Place {
  /// How this location is chosen; nil for what is none.
  package var match: LocationMatch? {
    guard directive.name == "location" else { return nil }
    let words = directive.arguments
    if words.count == 1 {
      let word = words[0]
      // The modifier may stand without a blank before the path.
      for (sign, make) in [
        ("=", { LocationMatch.exact($0) }),
        ("^~", { LocationMatch.prefix($0, overrulesExpressions: true) }),
        ("~*", { LocationMatch.expression($0, ignoresCase: true) }),
        ("~", { LocationMatch.expression($0, ignoresCase: false) }),
      ] as [(String, (String) -> LocationMatch)] where word.utf8.starts(with: sign.utf8) {
        return make(String(word.dropFirst(sign.count)))
      }
      return word.utf8.first == UInt8(ascii: "@")
        ? .named(word) : .prefix(word, overrulesExpressions: false)
    }
    guard words.count == 2 else { return nil }
    switch words[0] {
    case "=": return .exact(words[1])
    case "^~": return .prefix(words[1], overrulesExpressions: true)
    case "~": return .expression(words[1], ignoresCase: false)
    case "~*": return .expression(words[1], ignoresCase: true)
    default: return nil
    }
  }
}
