import CCrypto
import Synchronization

/// An OpenSSL context that signs or verifies with one key, and is only copied from.
///
/// Copying is what any number of threads may do at once; preparing another context for each
/// signature would look up algorithms under OpenSSL's locks, and cost ten times as much.
@safe final class PreparedContext: @unchecked Sendable {
  // Sendable: what it leads to never changes once it is made.
  private let context: OpaquePointer

  /// Makes the context of a key, of which it keeps a reference of its own.
  ///
  /// - Parameters:
  ///   - key: The key.
  ///   - start: Starts signing or verifying with it; false if OpenSSL cannot, and then there is none.
  init?(for key: OpaquePointer, _ start: (_ context: OpaquePointer) -> Bool) {
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    unsafe self.context = context
    guard unsafe start(context) else { return nil }
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  /// Works with a copy.
  ///
  /// - Parameter body: What is done with it.
  /// - Returns: What the body returned; nil without memory for a copy.
  func withCopy<Result>(_ body: (_ copy: OpaquePointer) -> Result) -> Result? {
    guard let copy = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(copy) }
    guard unsafe EVP_MD_CTX_copy_ex(copy, context) == 1 else { return nil }
    return unsafe body(copy)
  }
}

extension AtomicLazyReference {
  /// What the first call that succeeds has made.
  ///
  /// Most requests that a CGI program answers sign and verify nothing, and OpenSSL's start is half
  /// of such a program's: so what needs it is made when it is first needed.
  ///
  /// - Parameter make: Makes it; nil if it cannot, which the next call tries again.
  /// - Returns: nil if it cannot be made.
  func get(_ make: () -> Instance?) -> Instance? {
    if let made = load() { return made }
    guard let made = make() else {
      // OpenSSL's reason stays in the thread's queue, which nobody reads.
      ERR_clear_error()
      return nil
    }
    // Another thread may have been faster; what it made is as good.
    return storeIfNil(made)
  }
}
