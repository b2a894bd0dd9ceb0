import Testing

@testable import Accounts

/// RFC 6749 §5.2, RFC 6750 §3.1.
@Suite struct `A refusal` {
  private static let all: [(refusal: Refusal, status: Int, code: String)] = [
    (.invalidRequest("The body is not JSON."), 400, "invalid_request"),
    (.invalidCredentials, 401, "invalid_credentials"),
    (.invalidToken, 401, "invalid_token"),
    (.crossSite, 403, "cross_site"),
    (.registrationClosed, 403, "registration_closed"),
    (.insufficientScope, 403, "insufficient_scope"),
    (.notFound, 404, "not_found"),
    (.methodNotAllowed, 405, "method_not_allowed"),
    (.usernameTaken, 409, "username_taken"),
    (.tooLarge, 413, "too_large"),
    (.unsupportedMediaType, 415, "unsupported_media_type"),
    (.invalidUsername, 422, "invalid_username"),
    (.weakPassword("The password is too common."), 422, "weak_password"),
    (.tooManyAttempts(seconds: 300), 429, "too_many_attempts"),
    (.internalError, 500, "server_error"),
    (.temporarilyUnavailable, 503, "temporarily_unavailable"),
  ]

  @Test func `has the status and the wire name that the contract gives it`() {
    for (refusal, status, code) in Self.all {
      #expect(refusal.status == status)
      #expect(refusal.code == code)
    }
  }

  @Test func `explains itself in one sentence of the characters that RFC 6749 allows`() {
    for (refusal, _, code) in Self.all {
      let text = refusal.explanation
      #expect(text.hasSuffix(".") && text.first?.isUppercase == true, "\(code)")
      #expect(text.firstMatch(of: /[.!?] +[A-Z]/) == nil, "\(code)")
      #expect(
        text.utf8.allSatisfy {
          (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }, "\(code)")
    }
  }

  @Test func `says when to come back where coming back helps, and only there`() {
    for (refusal, status, _) in Self.all {
      #expect((refusal.retryAfter != nil) == [429, 503].contains(status))
    }
  }

  @Test func `of an attempt names the seconds that are left, at least 1`() {
    #expect(Refusal.tooManyAttempts(seconds: 300).retryAfter == 300)
    #expect(Refusal.tooManyAttempts(seconds: 1).retryAfter == 1)
    #expect(Refusal.tooManyAttempts(seconds: 0).retryAfter == 1)
    #expect(Refusal.tooManyAttempts(seconds: -5).retryAfter == 1)
  }

  @Test func `of a login never says whether the name exists`() {
    for word in ["unknown", "exist", "disabled", "wrong password"] {
      #expect(!Refusal.invalidCredentials.explanation.lowercased().contains(word))
      #expect(!Refusal.tooManyAttempts(seconds: 9).explanation.lowercased().contains(word))
    }
  }
}
