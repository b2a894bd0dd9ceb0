/// An identifier that a random number has made, and that is no secret.
package protocol Identifier: Hashable, Sendable, CustomStringConvertible {
  var text: String { get }

  /// Takes a text that is known to be an identifier.
  init(unchecked text: String)
}

extension Identifier {
  /// Takes 26 characters of lower-case base32, which encode 128 random bits.
  ///
  /// It returns nil for any other text.
  package init?(_ text: String) {
    guard isIdentifier(text) else { return nil }
    self.init(unchecked: text)
  }

  package var description: String { text }

  /// The first characters, which are enough to find it in a log.
  package var prefix: String { String(text.prefix(8)) }
}

/// The identifier of an account: the `sub` claim.
///
/// It is never reused for another account. RFC 7519 §4.1.2.
package struct AccountID: Identifier {
  package let text: String

  package init(unchecked text: String) { self.text = text }
}

/// The identifier of a session: the `sid` claim.
///
/// It is not a secret: nobody can do anything with it alone.
package struct SessionID: Identifier {
  package let text: String

  package init(unchecked text: String) { self.text = text }
}

/// Whether a text is 26 characters of lower-case base32: the encoding of 16 random bytes.
///
/// RFC 4648 §6.
func isIdentifier(_ text: String) -> Bool {
  text.utf8.count == 26
    && text.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
    }
}
