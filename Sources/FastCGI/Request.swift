// A request as a handler sees it, both from CGI and from FastCGI.

/// The body of a request, after comparison with its declared length.
package enum Body: Sendable, Equatable {
  /// No body was declared and none was received, or this program does not read bodies.
  case none
  /// The body has exactly the declared length, which is at least one byte.
  case complete([UInt8])
  /// The declared length is above this program's maximum. The body was not read.
  case tooLarge
  /// `CONTENT_LENGTH` is not a number, is repeated, is missing, or differs from the received
  /// length.
  case mismatch
}

/// One request.
package struct Request: Sendable {
  package var parameters: Parameters
  package var body: Body

  package init(parameters: Parameters, body: Body = .none) {
    self.parameters = parameters
    self.body = body
  }
}

/// The declared length of a body, which is evaluated before the body is read.
enum DeclaredLength: Equatable {
  /// This program reads no bodies, so the parameter is not evaluated.
  case ignored
  case none
  case bytes(Int)
  case tooLarge
  case invalid

  /// Parses `CONTENT_LENGTH` (RFC 3875 §4.1.2).
  ///
  /// It accepts digits only, because intermediaries may interpret a sign or a space differently.
  /// nginx sends an empty value if the client sent none.
  init(_ parameters: Parameters, maximum: Int) {
    guard maximum > 0 else {
      self = .ignored
      return
    }
    switch parameters.value("CONTENT_LENGTH") {
    case .absent: self = .none
    case .repeated: self = .invalid
    case .single(let text): self = DeclaredLength(digits: text, maximum: maximum)
    }
  }

  private init(digits text: ArraySlice<UInt8>, maximum: Int) {
    guard !text.isEmpty else {
      self = .none
      return
    }
    guard text.allSatisfy({ (0x30...0x39).contains($0) }) else {
      self = .invalid
      return
    }
    var length = 0
    for digit in text {
      length = length * 10 + Int(digit - 0x30)
      guard length <= maximum else {
        self = .tooLarge
        return
      }
    }
    self = length == 0 ? .none : .bytes(length)
  }
}
