import CCrypto
import Synchronization

/// An initialized OpenSSL context for one key, which serves as a template for copies.
///
/// Any number of threads may copy it at once. Initializing a context for each signature would cost
/// ten times as much, because OpenSSL looks up algorithms under its locks.
@safe final class PreparedContext: @unchecked Sendable {
  // Sendable: the context does not change after `init`.
  private let context: OpaquePointer

  /// Makes a context, which retains the key; nil if OpenSSL fails.
  ///
  /// - Parameters:
  ///   - key: The key.
  ///   - start: Initializes the context for signing or verifying; false if OpenSSL fails.
  init?(for key: OpaquePointer, _ start: (_ context: OpaquePointer) -> Bool) {
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    unsafe self.context = context
    guard unsafe start(context) else { return nil }
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  /// Calls the body with a copy of the context, which it may change.
  ///
  /// - Returns: The result of the body; nil if there is no memory for a copy.
  func withCopy<Result>(_ body: (_ copy: OpaquePointer) -> Result) -> Result? {
    guard let copy = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(copy) }
    guard unsafe EVP_MD_CTX_copy_ex(copy, context) == 1 else { return nil }
    return unsafe body(copy)
  }
}

extension AtomicLazyReference {
  /// Returns the instance, and makes it first if there is none yet.
  ///
  /// Initializing OpenSSL takes half of the start of a CGI program, and many requests sign and
  /// verify nothing. So objects of OpenSSL are made when they are first needed.
  ///
  /// - Parameter make: Makes an instance; nil if it fails, so that the next call tries again.
  /// - Returns: The instance; nil if it cannot be made.
  func get(_ make: () -> Instance?) -> Instance? {
    if let made = load() { return made }
    guard let made = make() else {
      // OpenSSL has put the reason into the thread's error queue, which nobody reads.
      ERR_clear_error()
      return nil
    }
    // If another thread has stored an instance meanwhile, this returns that one.
    return storeIfNil(made)
  }
}
