/// The identifier of an account: the `sub` claim.
///
/// It is never reused for another account. RFC 7519 §4.1.2.
package struct AccountID: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes 26 characters of lower-case base32, which encode 128 random bits.
  ///
  /// It returns nil for any other text.
  package init?(_ text: String) {
    guard isIdentifier(text) else { return nil }
    self.text = text
  }

  package var description: String { text }
}

/// The identifier of a session: the `sid` claim.
///
/// It is not a secret: nobody can do anything with it alone.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes 26 characters of lower-case base32, which encode 128 random bits.
  ///
  /// It returns nil for any other text.
  package init?(_ text: String) {
    guard isIdentifier(text) else { return nil }
    self.text = text
  }

  package var description: String { text }

  /// The first characters, which are enough to find a session in a log.
  package var prefix: String { String(text.prefix(8)) }
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
