import CCrypto

/// The SHA-256 digest: 32 bytes.
package func sha256(_ bytes: [UInt8]) -> [UInt8] { sha256(bytes[...]) }

/// The SHA-256 digest: 32 bytes.
func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  unsafe bytes.withUnsafeBufferPointer { bytes in
    unsafe ts_sha256(bytes.baseAddress, bytes.count, &digest)
  }
  return digest
}

/// The HMAC-SHA-256 of a message: 32 bytes, never truncated.
///
/// RFC 2104, RFC 7518 §3.2.
package func hmacSHA256(key: [UInt8], _ message: some Collection<UInt8>) -> [UInt8] {
  let message = Array(message)
  var mac = [UInt8](repeating: 0, count: 32)
  unsafe mac.withUnsafeMutableBufferPointer { mac in
    _ = unsafe HMAC(
      EVP_sha256(), key, Int32(key.count), message, message.count, mac.baseAddress, nil)
  }
  return mac
}
