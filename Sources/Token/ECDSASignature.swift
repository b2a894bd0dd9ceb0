// Converts ECDSA signatures. A JWS has r and s as 32 bytes each (RFC 7518 §3.4); OpenSSL uses DER
// (RFC 3279 §2.2.3).

enum ECDSASignature {
  /// Converts r and s to DER; nil unless there are exactly 64 bytes.
  ///
  /// It does not check the range of r and s. Verification refuses zero and numbers above the order.
  static func der(_ raw: ArraySlice<UInt8>) -> [UInt8]? {
    guard raw.count == 64 else { return nil }
    let r = integer(raw.prefix(32))
    let s = integer(raw.suffix(32))
    return [0x30, UInt8(r.count + s.count)] + r + s
  }

  /// Converts DER to r and s of 32 bytes each; nil if it does not hold two such numbers.
  static func raw(_ der: [UInt8]) -> [UInt8]? {
    guard der.count > 2, der[0] == 0x30, Int(der[1]) == der.count - 2 else { return nil }
    var rest = der[2...]
    guard let r = takeInteger(&rest), let s = takeInteger(&rest), rest.isEmpty else { return nil }
    return r + s
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var digits = Array(bytes.drop { $0 == 0 })
    // A set high bit would make the number negative. Zero is encoded as one zero byte.
    if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
    return [0x02, UInt8(digits.count)] + digits
  }

  private static func takeInteger(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard rest.popFirst() == 0x02, let count = rest.popFirst(), Int(count) <= rest.count else {
      return nil
    }
    let digits = rest.prefix(Int(count)).drop { $0 == 0 }
    rest = rest.dropFirst(Int(count))
    guard digits.count <= 32 else { return nil }
    return [UInt8](repeating: 0, count: 32 - digits.count) + digits
  }
}
