/// The part of an address that counts as one client: an IPv4 address, or the /64 prefix of an IPv6
/// address.
package struct Network: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Takes the 4 bytes of an IPv4 address.
  package init?(ipv4 bytes: [UInt8]) {
    guard bytes.count == 4 else { return nil }
    self.init(text: bytes.map { String($0) }.joined(separator: "."))
  }

  /// Takes the 16 bytes of an IPv6 address; an IPv4-mapped address counts as the IPv4 address.
  package init?(ipv6 bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
      self.init(text: bytes.suffix(4).map { String($0) }.joined(separator: "."))
      return
    }
    let groups = stride(from: 0, to: 8, by: 2).map { index in
      String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
    }
    self.init(text: groups.joined(separator: ":") + "::/64")
  }

  /// The network of all clients whose address is not known: they count as one client.
  package static let unknown = Network(text: "unknown")

  /// Takes the `text` of a network, as the store keeps it.
  package init(text: String) {
    self.text = text
  }

  package var description: String { text }

  /// The number of seconds for which an account knows a network after a login from it.
  private static let memory: Int64 = 90 * 86_400

  /// The oldest login that still makes a network known; older logins can be deleted.
  package static func oldestKnownLogin(at now: NumericDate) -> NumericDate {
    now + -memory
  }

  /// Whether an account with this last login from this network still knows it.
  package func isKnown(lastLogin: NumericDate?, at now: NumericDate) -> Bool {
    guard let lastLogin else { return false }
    return lastLogin >= Network.oldestKnownLogin(at: now)
  }
}
