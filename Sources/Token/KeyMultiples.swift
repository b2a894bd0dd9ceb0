import CCrypto

/// ECDSA verification for one P-256 key with a precomputed table of its multiples.
///
/// A signature (r, s) of a digest e is valid for the key Q if r equals the x-coordinate of the
/// point e/s · G + r/s · Q modulo the order (FIPS 186-5 §6.4.2). OpenSSL has a table of multiples
/// for the generator G but not for Q, so the second product takes most of the time of its
/// verification. Here OpenSSL also makes a table for Q: on a copy of the curve that has Q as its
/// generator.
///
/// OpenSSL computes with numbers, points and tables; only the equation is ours. The tests compare
/// it with OpenSSL's verification. All values are public, so it need not take constant time.
@safe final class KeyMultiples: @unchecked Sendable {
  // Sendable: the objects behind these pointers do not change once the table is made.
  private let curve: OpaquePointer
  /// The curve with Q as its generator.
  private let keyCurve: OpaquePointer
  /// The order of the curve.
  ///
  /// `curve` owns it.
  private let order: OpaquePointer

  /// Computes the table, which takes as long as several hundred verifications and 150 KB of memory.
  ///
  /// Returns nil if the point is not on the curve, if OpenSSL cannot build the table, or if the
  /// self-test fails: one product with the table must equal the product without.
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
    // The self-test works with any large factor.
    let factor = unsafe scratch.number(sha256(key)[...])
    return unsafe factor != nil && EC_POINT_oct2point(curve, some, key, key.count, context) == 1
      && EC_GROUP_set_generator(keyCurve, some, order, BN_value_one()) == 1
      && ts_make_table(keyCurve, context) == 1
      && EC_POINT_mul(curve, other, nil, some, factor, context) == 1
      && EC_POINT_mul(keyCurve, some, factor, nil, nil, context) == 1
      && EC_POINT_cmp(curve, some, other, context) == 0
  }

  /// Whether a signature is valid for the key.
  ///
  /// - Parameters:
  ///   - signature: r and s, 32 bytes each (RFC 7518 §3.4).
  ///   - digest: The SHA-256 digest of the signed bytes.
  /// - Returns: False for every invalid signature, whatever its bytes.
  func verify(_ signature: ArraySlice<UInt8>, of digest: [UInt8]) -> Bool {
    guard signature.count == 64, let scratch = unsafe Scratch(curve) else { return false }
    let isValid = unsafe verify(
      scratch.number(signature.prefix(32)), scratch.number(signature.suffix(32)),
      scratch.number(digest[...]), scratch)
    // OpenSSL has put the reason into the thread's error queue, which nobody reads.
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
    // If an allocation fails, all later ones of this context fail too, so it is enough to check the
    // last one.
    guard let x = unsafe BN_CTX_get(context), let r = unsafe r, let s = unsafe s, let e = unsafe e
    else { return false }
    return unsafe isInRange(r) && isInRange(s)
      && BN_mod_inverse(inverse, s, order, context) != nil
      && BN_mod_mul(ofBase, e, inverse, order, context) == 1
      && BN_mod_mul(ofKey, r, inverse, order, context) == 1
      && EC_POINT_mul(curve, sum, ofBase, nil, nil, context) == 1
      && EC_POINT_mul(keyCurve, product, ofKey, nil, nil, context) == 1
      && EC_POINT_add(curve, sum, sum, product, context) == 1
      // This fails for the point at infinity, which has no coordinates.
      && EC_POINT_get_affine_coordinates(curve, sum, x, nil, context) == 1
      && BN_nnmod(x, x, order, context) == 1
      && BN_cmp(x, r) == 0
  }

  /// Whether a number is above zero and below the order.
  private func isInRange(_ number: OpaquePointer) -> Bool {
    unsafe BN_is_zero(number) == 0 && BN_cmp(number, order) < 0
  }
}

/// OpenSSL's temporary numbers and points for one computation.
@safe private struct Scratch: ~Copyable {
  let context: OpaquePointer
  let sum: OpaquePointer
  let product: OpaquePointer

  /// Allocates the temporaries; nil if there is no memory.
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

  /// Converts big-endian bytes to a number; nil if there is no memory.
  func number(_ bytes: ArraySlice<UInt8>) -> OpaquePointer? {
    guard let number = unsafe BN_CTX_get(context) else { return nil }
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe BN_bin2bn(bytes.baseAddress, Int32(bytes.count), number)
    }
  }
}
