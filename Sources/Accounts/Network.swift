/// The part of an address that counts as one client: an IPv4 address, or the /64 of an IPv6 one.
package struct Network: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// An IPv4 address, 4 bytes.
  package init?(ipv4 bytes: [UInt8]) {
    guard bytes.count == 4 else { return nil }
    self.init(text: bytes.map { String($0) }.joined(separator: "."))
  }

  /// An IPv6 address, 16 bytes; one that maps an IPv4 address counts as that.
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

  /// Where no address is known: one client for all of those.
  package static let unknown = Network(text: "unknown")

  /// The text that an instance gave, as the store keeps it.
  package init(text: String) {
    self.text = text
  }

  package var description: String { text }

  /// How long a network stays known to an account after its last login from there.
  private static let memory: Int64 = 90 * 86_400

  /// The last login after which a network is still known; older ones can be forgotten.
  package static func oldestKnownLogin(at now: NumericDate) -> NumericDate {
    now + -memory
  }

  /// Whether this network is known to an account that last logged in from it at this time.
  package func isKnown(lastLogin: NumericDate?, at now: NumericDate) -> Bool {
    guard let lastLogin else { return false }
    return lastLogin >= Network.oldestKnownLogin(at: now)
  }
}
