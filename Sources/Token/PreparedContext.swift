import CCrypto
import Synchronization

/// An OpenSSL context that is made when it is first needed, and from then on only copied from.
///
/// Most requests a CGI program answers sign and verify nothing, and OpenSSL's start is half of such
/// a program's. Copying is what any number of threads may do at once; preparing another context for
/// each signature would look up algorithms under OpenSSL's locks, and cost ten times as much.
@safe final class PreparedContext: @unchecked Sendable {
  // Sendable: the address is set once, and what it leads to never changes after that.
  private let address = Atomic<UInt>(0)

  deinit {
    unsafe EVP_MD_CTX_free(OpaquePointer(bitPattern: address.load(ordering: .acquiring)))
  }

  /// The context, which the first call makes.
  ///
  /// - Parameter prepare: Makes it, and gives it away.
  /// - Returns: nil if it cannot be made, which the next call tries again.
  func get(_ prepare: () -> OpaquePointer?) -> OpaquePointer? {
    if let made = unsafe OpaquePointer(bitPattern: address.load(ordering: .acquiring)) {
      return unsafe made
    }
    guard let made = unsafe prepare() else {
      // Its reason stays in the thread's queue, which nobody reads.
      ERR_clear_error()
      return nil
    }
    let (isFirst, other) = address.compareExchange(
      expected: 0, desired: UInt(bitPattern: made), ordering: .acquiringAndReleasing)
    guard !isFirst else { return unsafe made }
    // Another thread was faster; its context is as good.
    unsafe EVP_MD_CTX_free(made)
    return unsafe OpaquePointer(bitPattern: other)
  }

  /// Makes a context for a key.
  ///
  /// - Parameters:
  ///   - key: The key, which the context keeps a reference of its own to.
  ///   - start: Starts signing or verifying with it; false if OpenSSL cannot.
  /// - Returns: The context, which is the caller's; nil if OpenSSL cannot.
  static func make(
    for key: OpaquePointer, _ start: (_ context: OpaquePointer) -> Bool
  ) -> OpaquePointer? {
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    guard unsafe start(context) else {
      unsafe EVP_MD_CTX_free(context)
      return nil
    }
    return unsafe context
  }
}
