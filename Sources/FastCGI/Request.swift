// A request as a handler sees it, whichever way it came.

/// The body of a request, held against the length that was declared for it.
package enum Body: Sendable, Equatable {
  /// No body was declared and none came, or this program reads none.
  case none
  /// As many bytes as `CONTENT_LENGTH` declares, at least one.
  case complete([UInt8])
  /// More was declared than this program takes; it was not read.
  case tooLarge
  /// `CONTENT_LENGTH` is no number, stands twice, is missing, or is not what came.
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

/// What `CONTENT_LENGTH` promises, decided before a byte of the body is read.
enum DeclaredLength: Equatable {
  /// This program reads no body, so the parameter is not even looked at.
  case ignored
  case none
  case bytes(Int)
  case tooLarge
  case invalid

  /// Reads `CONTENT_LENGTH`.
  ///
  /// Digits only: a sign or a space is a sign of somebody between us and the client who reads it
  /// differently. nginx sends an empty value where the client sent none.
  ///
  /// RFC 3875 §4.1.2.
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
