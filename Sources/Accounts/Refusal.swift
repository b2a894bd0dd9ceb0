/// A response that denies a request: its status, its error code and one sentence.
///
/// The client sees nothing else; the reason goes to the log. RFC 6749 §5.2, RFC 6750 §3.1.
package struct Refusal: Error, Equatable, Sendable {
  package let status: Int
  /// The error code: the `error` member of the response.
  package let code: String
  /// One sentence: the `error_description` member of the response.
  package let explanation: String
  /// The number of seconds for the header `Retry-After`.
  package let retryAfter: Int64?

  package init(_ status: Int, _ code: String, _ explanation: String, retryAfter: Int64? = nil) {
    self.status = status
    self.code = code
    self.explanation = explanation
    self.retryAfter = retryAfter
  }

  package static func invalidRequest(_ explanation: String) -> Refusal {
    Refusal(400, "invalid_request", explanation)
  }

  package static let invalidCredentials = Refusal(
    401, "invalid_credentials", "The username or the password is wrong.")

  package static let invalidToken = Refusal(
    401, "invalid_token", "A valid token is required.")

  package static let crossSite = Refusal(
    403, "cross_site", "The request came from another site.")

  package static let unknownSite = Refusal(
    403, "unknown_site", "This site is none that one may be led to from here.")

  package static let loginRequired = Refusal(
    403, "login_required", "This needs a login that is at most ten minutes old.")

  package static let tooManyDevices = Refusal(
    409, "too_many_devices", "The account has as many device tokens as it may have; end one.")

  package static let registrationClosed = Refusal(
    403, "registration_closed", "Registration is closed.")

  package static let insufficientScope = Refusal(
    403, "insufficient_scope", "The account or its token may not do this here.")

  package static let notFound = Refusal(404, "not_found", "There is nothing here.")

  package static let methodNotAllowed = Refusal(
    405, "method_not_allowed", "The method is not allowed here.")

  package static let usernameTaken = Refusal(409, "username_taken", "The username is taken.")

  package static let tooLarge = Refusal(413, "too_large", "The body is larger than 16 KiB.")

  package static let unsupportedMediaType = Refusal(
    415, "unsupported_media_type", "The body must be application/json in UTF-8.")

  package static let invalidUsername = Refusal(
    422, "invalid_username", "A username is 1 to 64 of a-z, 0-9 and the marks . _ - + @.")

  package static func weakPassword(_ rule: String) -> Refusal {
    Refusal(422, "weak_password", rule)
  }

  /// Refuses further attempts for at least one second.
  package static func tooManyAttempts(seconds: Int64) -> Refusal {
    Refusal(
      429, "too_many_attempts", "Too many attempts, try again later.",
      retryAfter: max(1, seconds))
  }

  package static let internalError = Refusal(
    500, "server_error", "The server met an unexpected condition.")

  package static let temporarilyUnavailable = Refusal(
    503, "temporarily_unavailable", "The service is busy, try again in a moment.", retryAfter: 2)
}
