import FastCGI
import Token

extension Digest256 {
  /// The digest of everything that the decision depends on: the credential, what use of a gate
  /// cookie or a device token the request is, the username beside a device token, and each parameter
  /// of nginx that says something about the policy, by name and length.
  ///
  /// It returns nil for a request whose answer is not remembered: its credential has not the shape of
  /// one, and so never counts, or the username is spelled in another way than the store's.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - presented: Its credential.
  ///   - input: Room for what is digested, which is overwritten.
  init?(of request: Request, _ presented: PresentedCredential, by input: inout [UInt8]) {
    guard presented.hasShape else { return nil }
    input.removeAll(keepingCapacity: true)
    input.append(presented.kind)
    input.append(part: presented.token)
    if let username = presented.username { input.append(part: username) }
    for prefix: StaticString in ["TALLYSTICK_", "AUTH_REQUIRE", "AUTH_DEVICES"] {
      request.parameters.forEach(beginning: prefix) { name, value in
        input.append(part: name)
        input.append(part: value)
      }
    }
    self.init(of: input)
  }
}

extension [UInt8] {
  /// Appends bytes so that where they begin and end can be told from the whole.
  fileprivate mutating func append(part: ArraySlice<UInt8>) {
    var length = UInt32(truncatingIfNeeded: part.count)
    for _ in 0..<4 {
      append(UInt8(truncatingIfNeeded: length))
      length >>= 8
    }
    self += part
  }
}
