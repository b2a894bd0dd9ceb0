package import Accounts
import Wire

/// The stage in the life cycle of a signing key.
package enum KeyStatus: String, Sendable {
  /// The key is published before it signs, so that verifiers know it in time.
  case next
  /// The key signs.
  case current
  /// The key no longer signs, but signatures of it are still accepted.
  case previous
}

/// A public key, with its status in the set.
package struct ListedKey: Sendable {
  package let key: VerificationKey
  package var status: KeyStatus
  package let createdAt: NumericDate

  package var kid: String { key.kid }
  package var algorithm: SignatureAlgorithm { key.algorithm }
}

/// The public keys and their status: the content of `set.json`.
///
/// It is a JWK Set (RFC 7517 §5) with the additional members `status` and `created_at`, which §4
/// allows.
package struct KeySet: Sendable {
  package var keys: [ListedKey]
  /// The version that hosts share, counted from 1; nil on a single host.
  package var version: Int64?

  init(keys: [ListedKey], version: Int64? = nil) {
    self.keys = keys
    self.version = version
  }

  /// The key that signs.
  package var current: ListedKey? { keys.first { $0.status == .current } }

  /// Parses a set.
  ///
  /// - Throws: `KeyError` unless every key is complete, every `kid` is the thumbprint of its key,
  ///   no key occurs twice, and exactly one key is current.
  init(_ bytes: [UInt8]) throws(KeyError) {
    guard let object = (try? JSON.parse(bytes, maximumDepth: 4))?.objectValue,
      let values = object["keys"]?.arrayValue
    else { throw KeyError("is no JSON Web Key Set") }
    var keys: [ListedKey] = []
    for value in values { keys.append(try KeySet.key(value)) }
    guard Set(keys.map(\.kid)).count == keys.count else { throw KeyError("has a key twice") }
    guard keys.count(where: { $0.status == .current }) == 1 else {
      throw KeyError("must have exactly one current key")
    }
    self.keys = keys
    version = object["version"]?.integerValue
  }

  private static func key(_ value: JSON) throws(KeyError) -> ListedKey {
    guard let object = value.objectValue,
      let algorithm = object["alg"]?.stringValue.flatMap(SignatureAlgorithm.init),
      let status = object["status"]?.stringValue.flatMap(KeyStatus.init),
      let createdAt = object["created_at"]?.integerValue
    else { throw KeyError("has a key without alg, status or created_at") }
    let names = algorithm.isEdwards ? ["x"] : ["x", "y"]
    let coordinates = names.compactMap { object[$0]?.stringValue }
      .compactMap { Base64URL.decode($0.utf8) }
    let key = try VerificationKey(unproven: algorithm, coordinates: coordinates)
    for (name, expected) in key.members + [("kid", .string(key.kid)), ("use", .string("sig"))]
    where object[name] != expected {
      throw KeyError("has a key whose \(name) is wrong")
    }
    return ListedKey(
      key: key, status: status, createdAt: NumericDate(seconds: createdAt))
  }

  /// Reuses unchanged keys from the previous set, together with their precomputed state.
  mutating func adopt(_ earlier: KeySet) {
    keys = keys.map { listed in
      let same = earlier.keys.first { earlier in
        earlier.algorithm == listed.algorithm && earlier.key.coordinates == listed.key.coordinates
      }
      guard let same else { return listed }
      return ListedKey(key: same.key, status: listed.status, createdAt: listed.createdAt)
    }
  }

  /// The content of `set.json`: one line with a newline.
  var file: [UInt8] {
    encode(version.map { [("version", .integer($0))] } ?? []) { listed in
      [
        ("status", .string(listed.status.rawValue)),
        ("created_at", .integer(listed.createdAt.seconds)),
      ]
    } + [0x0a]
  }

  /// The published JWK Set, without our additional members.
  package var published: [UInt8] { encode([]) { _ in [] } }

  private func encode(
    _ members: [(String, JSON)], _ more: (ListedKey) -> [(String, JSON)]
  ) -> [UInt8] {
    let values = keys.map { listed in
      JSON.object(
        JSONObject(
          listed.key.members + [
            ("kid", .string(listed.kid)), ("alg", .string(listed.algorithm.rawValue)),
            ("use", .string("sig")),
          ] + more(listed)))
    }
    return JSON.object(JSONObject(members + [("keys", .array(values))])).encode()
  }
}
