import Accounts
import CPostgreSQL

/// Where the server is, as a URI of libpq says it: several hosts, TLS and passwords included.
///
/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
struct ServerAddress: Sendable {
  private let uri: String
  /// The URI's own options for the server, which stand behind ours.
  private let options: String
  private let password: String
  /// Host and database, for messages.
  let name: String

  /// Takes a URI that libpq understands.
  ///
  /// - Throws: `unreadable` for any other, without a word of it: it may hold a password.
  init(_ uri: String, _ library: Library) throws(StoreError) {
    var problem: UnsafeMutablePointer<CChar>?
    let parsed = unsafe library.functions.pointee.conninfoParse(uri, &problem)
    if let problem = unsafe problem { unsafe library.functions.pointee.freemem(problem) }
    guard let parsed = unsafe parsed else {
      throw .unreadable("TALLYSTICK_STORE is no URI that libpq understands")
    }
    defer { unsafe library.functions.pointee.conninfoFree(parsed) }
    var found: [String: String] = [:]
    var option = unsafe parsed
    while let keyword = unsafe option.pointee.keyword {
      if let value = unsafe option.pointee.val {
        unsafe found[String(cString: keyword)] = String(cString: value)
      }
      unsafe option += 1
    }
    self.uri = uri
    options = found["options"] ?? ""
    password = found["password"] ?? ""
    let host = found["host"] ?? found["hostaddr"] ?? ""
    name = "\(found["dbname"] ?? "") on \(host.isEmpty ? "this host" : host)"
  }

  /// What a connection is opened with.
  ///
  /// What stands before `dbname` are defaults, which the URI may change.
  ///
  /// - Parameters:
  ///   - patience: How long a statement may take.
  ///   - setsOptions: Whether the server is told so at the start, which a pooler refuses.
  /// - Returns: Keywords and values in the order that counts.
  func parameters(patience: Duration, setsOptions: Bool) -> [(String, String)] {
    var parameters = [
      // libpq takes at least two seconds a host.
      ("connect_timeout", "2"), ("target_session_attrs", "read-write"),
      ("tcp_user_timeout", "\(patience.milliseconds)"),
      ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
      ("fallback_application_name", "tallystick"),
      ("dbname", uri), ("client_encoding", "UTF8"),
    ]
    if setsOptions {
      let ours = serverSettings(patience: patience).map { "-c \($0.0)=\($0.1)" }
      parameters.append(("options", (ours + [options]).joined(separator: " ")))
    }
    return parameters
  }

  /// What a message of libpq says, in one line and without the password.
  func describe(_ message: String) -> String {
    let lines = message.split(separator: "\n").map { line in
      String(line.drop { $0 == " " || $0 == "\t" })
    }
    let text = lines.joined(separator: "; ")
    return password.isEmpty || !text.utf8.contains(sequence: password)
      ? text : "connection failed"
  }
}

/// What the server is told of our patience, so that a lock is never held for a client that has gone.
func serverSettings(patience: Duration) -> [(String, String)] {
  [
    ("statement_timeout", "\(patience.milliseconds)"),
    ("idle_in_transaction_session_timeout", "\(2 * patience.milliseconds)"),
  ]
}

extension Duration {
  /// Whole milliseconds.
  var milliseconds: Int64 {
    components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
  }
}
