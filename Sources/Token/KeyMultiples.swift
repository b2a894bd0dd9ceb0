import CCrypto

/// Multiples of one P-256 key, computed ahead, and the verification that they make quick.
///
/// A signature (r, s) of a digest e is the key Q's if r is, modulo the order, the x of the point
/// e/s · G + r/s · Q. OpenSSL has a table of multiples of the generator G and none of Q, whose
/// product takes most of its own verification's time; here Q has a table as well, made by OpenSSL
/// for the same curve with Q for its generator. Numbers, points and tables are OpenSSL's; the
/// equation is ours, and the tests hold it to OpenSSL's verification. Nothing in it is secret.
///
/// FIPS 186-5 §6.4.2.
@safe final class KeyMultiples: @unchecked Sendable {
  // Sendable: what these lead to never changes once the table is made.
  private let curve: OpaquePointer
  /// The curve with Q for its generator.
  private let keyCurve: OpaquePointer
  /// The curve's, and freed with it.
  private let order: OpaquePointer

  /// Computes the multiples, which takes as long as several hundred verifications, and 150 KB.
  ///
  /// There are none of a point that is not on the curve, nor where OpenSSL cannot make them, or comes
  /// with them to another product than without for the one number that is tried.
  ///
  /// - Parameter coordinates: x and y of Q, 32 bytes each.
  init?(of coordinates: [[UInt8]]) {
    guard let curve = unsafe EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1) else { return nil }
    guard let keyCurve = unsafe EC_GROUP_dup(curve), let order = unsafe EC_GROUP_get0_order(curve)
    else {
      unsafe EC_GROUP_free(curve)
      return nil
    }
    unsafe (self.curve, self.keyCurve, self.order) = (curve, keyCurve, order)
    guard makeTable([4] + coordinates.joined()) else { return nil }
  }

  deinit {
    unsafe EC_GROUP_free(keyCurve)
    unsafe EC_GROUP_free(curve)
  }

  private func makeTable(_ key: [UInt8]) -> Bool {
    guard let scratch = unsafe Scratch(curve) else { return false }
    let (context, some, other) = unsafe (scratch.context, scratch.sum, scratch.product)
    // Any number of many digits will do.
    let factor = unsafe scratch.number(sha256(key)[...])
    return unsafe factor != nil && EC_POINT_oct2point(curve, some, key, key.count, context) == 1
      && EC_GROUP_set_generator(keyCurve, some, order, BN_value_one()) == 1
      && ts_make_table(keyCurve, context) == 1
      && EC_POINT_mul(curve, other, nil, some, factor, context) == 1
      && EC_POINT_mul(keyCurve, some, factor, nil, nil, context) == 1
      && EC_POINT_cmp(curve, some, other, context) == 0
  }

  /// Whether a signature is the key's.
  ///
  /// - Parameters:
  ///   - signature: r and s, 32 bytes each (RFC 7518 §3.4).
  ///   - digest: The SHA-256 of what is signed.
  /// - Returns: False for every other, whatever its bytes.
  func verify(_ signature: ArraySlice<UInt8>, of digest: [UInt8]) -> Bool {
    guard signature.count == 64, let scratch = unsafe Scratch(curve) else { return false }
    let isValid = unsafe verify(
      scratch.number(signature.prefix(32)), scratch.number(signature.suffix(32)),
      scratch.number(digest[...]), scratch)
    // A refused signature leaves its reason in the thread's queue, which nobody reads.
    if !isValid { ERR_clear_error() }
    return isValid
  }

  private func verify(
    _ r: OpaquePointer?, _ s: OpaquePointer?, _ e: OpaquePointer?, _ scratch: borrowing Scratch
  ) -> Bool {
    let (context, sum, product) = unsafe (scratch.context, scratch.sum, scratch.product)
    let inverse = unsafe BN_CTX_get(context)
    let ofBase = unsafe BN_CTX_get(context)
    let ofKey = unsafe BN_CTX_get(context)
    // Once one is nil for want of memory, all later ones are: this is the last.
    guard let x = unsafe BN_CTX_get(context), let r = unsafe r, let s = unsafe s, let e = unsafe e
    else { return false }
    return unsafe isInRange(r) && isInRange(s)
      && BN_mod_inverse(inverse, s, order, context) != nil
      && BN_mod_mul(ofBase, e, inverse, order, context) == 1
      && BN_mod_mul(ofKey, r, inverse, order, context) == 1
      && EC_POINT_mul(curve, sum, ofBase, nil, nil, context) == 1
      && EC_POINT_mul(keyCurve, product, ofKey, nil, nil, context) == 1
      && EC_POINT_add(curve, sum, sum, product, context) == 1
      // The point at infinity has no coordinates: there it fails.
      && EC_POINT_get_affine_coordinates(curve, sum, x, nil, context) == 1
      && BN_nnmod(x, x, order, context) == 1
      && BN_cmp(x, r) == 0
  }

  /// Above zero and below the order.
  private func isInRange(_ number: OpaquePointer) -> Bool {
    unsafe BN_is_zero(number) == 0 && BN_cmp(number, order) < 0
  }
}

/// OpenSSL's numbers and points for one computation.
@safe private struct Scratch: ~Copyable {
  let context: OpaquePointer
  let sum: OpaquePointer
  let product: OpaquePointer

  /// - Returns: nil without memory.
  init?(_ curve: OpaquePointer) {
    let context = unsafe BN_CTX_new()
    let sum = unsafe EC_POINT_new(curve)
    let product = unsafe EC_POINT_new(curve)
    guard let context = unsafe context, let sum = unsafe sum, let product = unsafe product else {
      unsafe EC_POINT_free(product)
      unsafe EC_POINT_free(sum)
      unsafe BN_CTX_free(context)
      return nil
    }
    unsafe (self.context, self.sum, self.product) = (context, sum, product)
    unsafe BN_CTX_start(context)
  }

  deinit {
    unsafe EC_POINT_free(product)
    unsafe EC_POINT_free(sum)
    unsafe BN_CTX_end(context)
    unsafe BN_CTX_free(context)
  }

  /// A number of its bytes, the highest first; nil without memory.
  func number(_ bytes: ArraySlice<UInt8>) -> OpaquePointer? {
    guard let number = unsafe BN_CTX_get(context) else { return nil }
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe BN_bin2bn(bytes.baseAddress, Int32(bytes.count), number)
    }
  }
}
