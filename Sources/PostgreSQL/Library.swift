import Accounts
import CPostgreSQL

/// The functions of libpq.
///
/// The library is loaded when a server is first needed, and stays.
@safe struct Library: @unchecked Sendable {
  // Sendable: nothing changes the functions once they are loaded.
  let functions: UnsafePointer<cpq_functions>

  private static let loaded: Result<Library, StoreError> = {
    let functions = UnsafeMutablePointer<cpq_functions>.allocate(capacity: 1)
    if let message = unsafe cpq_load(functions) {
      let text = unsafe String(cString: message)
      return .failure(.unreadable("libpq cannot be loaded (Debian: libpq5): \(text)"))
    }
    return unsafe .success(Library(functions: UnsafePointer(functions)))
  }()

  /// The library, loaded if it is not yet.
  ///
  /// - Throws: `unreadable` where it is not installed.
  static func load() throws(StoreError) -> Library {
    try loaded.get()
  }
}
