package import Accounts
import FastCGI
import Text
package import Wire

/// Whether a route takes a JSON body with a POST.
package enum BodyRule: Sendable {
  case none, json
}

extension Call {
  /// The members of the body, which must be exactly these, all of them strings.
  ///
  /// - Throws: `invalid_request` naming what is wrong.
  package func members(_ names: String...) throws(Refusal) -> [String] {
    try texts(names, in: bodyObject(), optional: nil)
  }

  /// The members of a body that signs in: two texts, and whether the computer is shared.
  ///
  /// - Parameter names: The names of the two texts.
  /// - Returns: The texts in the order of their names, and whether the computer is shared.
  /// - Throws: `invalid_request` naming what is wrong.
  package func signInMembers(
    _ names: String...
  ) throws(Refusal) -> (texts: [String], isShared: Bool) {
    let object = try bodyObject()
    let texts = try texts(names, in: object, optional: "shared")
    guard let shared = object["shared"] else { return (texts, false) }
    guard let isShared = shared.boolValue else {
      throw .invalidRequest("The member shared is not true or false.")
    }
    return (texts, isShared)
  }

  /// The values of the members of the body, which must be exactly these.
  ///
  /// - Throws: `invalid_request` naming what is wrong.
  package func values(_ names: String...) throws(Refusal) -> [JSON] {
    let object = try bodyObject()
    let values = names.compactMap { object[$0] }
    guard values.count == names.count, object.members.count == names.count else {
      throw .invalidRequest(
        "The body must have exactly the members \(names.joined(separator: ", ")).")
    }
    return values
  }

  /// The body, which must be one JSON object.
  private func bodyObject() throws(Refusal) -> JSONObject {
    guard case .complete(let bytes) = request.body else {
      throw .invalidRequest("The body is missing or its length is wrong.")
    }
    let value: JSON
    do throws(JSONError) {
      value = try JSON.parse(bytes)
    } catch {
      throw .invalidRequest("The body is not valid JSON.")
    }
    guard let object = value.objectValue else {
      throw .invalidRequest("The body must be a JSON object.")
    }
    return object
  }

  /// The members of these names, all of them strings, and no other but the optional one.
  private func texts(
    _ names: [String], in object: JSONObject, optional: String?
  ) throws(Refusal) -> [String] {
    let known = optional.map { object[$0] != nil } == true ? names.count + 1 : names.count
    guard object.members.count == known else {
      throw .invalidRequest(
        "The body must have exactly the members \(names.joined(separator: ", ")).")
    }
    var texts: [String] = []
    for name in names {
      guard let text = object[name]?.stringValue else {
        throw .invalidRequest("The member \(name) is missing or not a string.")
      }
      texts.append(text)
    }
    return texts
  }

  /// A password of a JSON body.
  ///
  /// - Throws: `invalid_request` if it is longer than any password can be.
  package func password(_ text: String) throws(Refusal) -> Password {
    guard let password = Password(text) else {
      throw .invalidRequest("A password has at most \(Password.maximumByteCount) bytes.")
    }
    return password
  }

  /// Holds the headers of a request to what a JSON body needs.
  ///
  /// - Throws: `unsupported_media_type`, `too_large`.
  func requireJSON() throws(Refusal) {
    let encoding = request.parameters.value("HTTP_CONTENT_ENCODING")
    guard isJSON(request.parameters.value("CONTENT_TYPE")), isAbsentOrEmpty(encoding) else {
      throw .unsupportedMediaType
    }
    if case .tooLarge = request.body { throw .tooLarge }
  }
}

/// Whether a Content-Type is `application/json`, at most with `charset=utf-8`.
///
/// RFC 8259 §11 defines no parameter; clients send this one, and no other says the same.
func isJSON(_ type: Parameter) -> Bool {
  guard case .single(let bytes) = type, let text = String(validating: bytes, as: UTF8.self)
  else { return false }
  let parts = asciiLowercased(text).split(separator: ";", omittingEmptySubsequences: false)
    .map { part in part.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed()
    }
    .map { String($0) }
  switch parts.count {
  case 1: return parts[0] == "application/json"
  case 2:
    return parts[0] == "application/json"
      && ["charset=utf-8", "charset=\"utf-8\""].contains(parts[1])
  default: return false
  }
}

private func isAbsentOrEmpty(_ parameter: Parameter) -> Bool {
  guard case .single(let bytes) = parameter else { return parameter == .absent }
  return bytes.isEmpty
}
