/// A stored argon2id hash in the PHC string format.
///
/// Example: `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`, with salt and tag in base64 without padding.
/// RFC 9106 §3.1.
struct PHC: Equatable {
  let parameters: Argon2Parameters
  let salt: String
  let tag: String

  /// Parses a string in exactly the form that this program writes; nil for any other form.
  ///
  /// It refuses other types and versions, another order, signs, leading zeros, and parameters above
  /// the limit of `Argon2Parameters.isBearable`, before libargon2 sees the string.
  init?(_ text: String) {
    let parts = text.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19",
      let parameters = PHC.parameters(parts[3]), parameters.isBearable,
      PHC.isBase64(parts[4], byteCount: 8...64), PHC.isBase64(parts[5], byteCount: 16...64)
    else { return nil }
    self.parameters = parameters
    salt = parts[4]
    tag = parts[5]
  }

  private static func parameters(_ text: String) -> Argon2Parameters? {
    let members = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard members.count == 3, let memory = number(members[0], after: "m="),
      let iterations = number(members[1], after: "t="),
      let parallelism = number(members[2], after: "p=")
    else { return nil }
    return Argon2Parameters(
      memoryKiB: memory, iterations: iterations, parallelism: parallelism)
  }

  private static func number(_ text: String, after name: String) -> UInt32? {
    guard text.hasPrefix(name) else { return nil }
    let digits = String(text.dropFirst(name.count))
    // This comparison excludes a sign and leading zeros.
    guard let number = UInt32(digits), String(number) == digits else { return nil }
    // The limit keeps later multiplications from overflowing.
    return number < 1 << 24 ? number : nil
  }

  private static func isBase64(_ text: String, byteCount: ClosedRange<Int>) -> Bool {
    let length = text.utf8.count
    return length % 4 != 1 && byteCount.contains(length * 3 / 4)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
          true
        default: false
        }
      }
  }
}
