/// What an `Authorization` header carries.
///
/// RFC 6750 §2.1, RFC 9110 §11.6.2.
package enum Authorization {
  package enum Bearer: Equatable, Sendable {
    /// Another scheme, or nothing.
    case none
    /// Exactly one b64token after `Bearer` and spaces.
    case token(ArraySlice<UInt8>)
    /// The scheme is `Bearer`, and what follows is not one token.
    case malformed
  }

  /// Reads the header; the scheme in any case, then one or more spaces, then one token.
  package static func bearer(_ header: ArraySlice<UInt8>) -> Bearer {
    let scheme = header.prefix { $0 != 0x20 }
    guard scheme.count == 6,
      zip(scheme, "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 })
    else { return .none }
    let token = header.dropFirst(scheme.count).drop { $0 == 0x20 }
    let body = token.prefix(while: isTokenByte)
    guard !body.isEmpty, token.dropFirst(body.count).allSatisfy({ $0 == UInt8(ascii: "=") }) else {
      return .malformed
    }
    return .token(token)
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
      UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}
