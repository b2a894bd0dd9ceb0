package import Accounts
import Token

/// What the store has of a credential.
package enum Holder: Sendable {
  case session(AccountSession)
  case device(AccountDevice)

  var session: AccountSession? {
    if case .session(let session) = self { session } else { nil }
  }

  var device: AccountDevice? {
    if case .device(let device) = self { device } else { nil }
  }
}

/// What the store has of credentials that came together, or why none of it can be read.
struct Holders {
  private let sessions: Result<[SessionID: Result<AccountSession, StoreError>], StoreError>
  /// By the digests of the tokens.
  private let devices: Result<[String: Result<AccountDevice, StoreError>], StoreError>

  /// Reads the sessions and the device tokens, each kind in one transaction.
  init(of credentials: [VerifiedCredential], in store: any AccountStore) {
    var sessions = Set<SessionID>()
    var devices = Set<String>()
    for credential in credentials {
      switch credential {
      case .access(let token): sessions.insert(token.claims.session)
      case .gate(let token, _): sessions.insert(token.claims.session)
      case .device(let digest, _, _): devices.insert(digest)
      }
    }
    self.sessions = Result { () throws(StoreError) in
      try store.accountSessions(of: Array(sessions))
    }
    self.devices = Result { () throws(StoreError) in
      try store.accountDevices(of: Array(devices))
    }
  }

  /// The holder of one of the credentials; nil if the store has none.
  subscript(credential: VerifiedCredential) -> Holder? {
    get throws {
      switch credential {
      case .access(let token): try session(token.claims.session)
      case .gate(let token, _): try session(token.claims.session)
      case .device(let digest, _, _): try devices.get()[digest]?.get().asHolder
      }
    }
  }

  private func session(_ id: SessionID) throws -> Holder? {
    try sessions.get()[id]?.get().asHolder
  }
}

extension AccountSession {
  fileprivate var asHolder: Holder { .session(self) }
}

extension AccountDevice {
  fileprivate var asHolder: Holder { .device(self) }
}
