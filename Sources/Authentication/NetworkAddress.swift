// Which network an address belongs to, as nginx writes addresses.
//
// What counts as one client is decided in Accounts/Network.swift (T131).

package import Accounts
import CSystem
import Glibc

extension Network {
  /// The network of an address as nginx writes it.
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
