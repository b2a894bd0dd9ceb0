// Finds the network of a client's address, in the form in which nginx writes addresses.
//
// Accounts/Network.swift decides what counts as one client (T131).

package import Accounts
import CSystem
import Glibc

extension Network {
  /// Parses an IPv4 or IPv6 address; any other text gives the unknown network.
  package init(address: String) {
    var bytes = [UInt8](repeating: 0, count: 16)
    let isIPv4 = unsafe bytes.withUnsafeMutableBytes {
      unsafe inet_pton(AF_INET, address, $0.baseAddress) == 1
    }
    if isIPv4 {
      self = Network(ipv4: Array(bytes.prefix(4))) ?? .unknown
      return
    }
    let isIPv6 = unsafe bytes.withUnsafeMutableBytes {
      unsafe inet_pton(AF_INET6, address, $0.baseAddress) == 1
    }
    self = isIPv6 ? Network(ipv6: bytes) ?? .unknown : .unknown
  }
}
