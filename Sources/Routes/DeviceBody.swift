package import Accounts
package import Authentication
import Configuration
import Wire

extension Call {
  /// What the body asks a new device token to be.
  ///
  /// - Throws: `invalid_request` naming what is wrong; `unknown_site`.
  package func wishForDevice() throws(Refusal) -> DeviceWish {
    let values = try values("name", "sites", "read_only", "expires_in")
    guard let name = values[0].stringValue.flatMap({ DeviceName($0) }) else {
      throw .invalidRequest(
        "The member name is not 1 to 64 characters in one line, without spaces around them.")
    }
    guard let isReadOnly = values[2].boolValue else {
      throw .invalidRequest("The member read_only is not true or false.")
    }
    guard values[3] == .null || values[3].integerValue.map(Device.lifetimes.contains) == true
    else {
      throw .invalidRequest(
        "The member expires_in is neither null nor a number of seconds from "
          + "\(Device.lifetimes.lowerBound) to \(Device.lifetimes.upperBound).")
    }
    return DeviceWish(
      name: name, sites: try sites(values[1]), isReadOnly: isReadOnly,
      lifetime: values[3].integerValue)
  }

  private func sites(_ value: JSON) throws(Refusal) -> [String]? {
    guard value != .null else { return nil }
    let texts = (value.arrayValue ?? []).compactMap(\.stringValue)
    guard (1...Device.maximumSiteCount).contains(texts.count),
      texts.count == value.arrayValue?.count, Set(texts).count == texts.count,
      texts.allSatisfy({ Origin($0) != nil })
    else {
      throw .invalidRequest(
        "The member sites is neither null nor a list of different https origins.")
    }
    guard texts.allSatisfy({ settings.knownSite($0) != nil }) else { throw .unknownSite }
    return texts
  }
}

extension DeviceOutcome {
  /// - Throws: `too_many_devices`; `invalid_token` if the account was deleted or disabled meanwhile.
  package func requireMade() throws(Refusal) {
    switch self {
    case .made: return
    case .tooMany: throw .tooManyDevices
    case .outdated: throw .invalidToken
    }
  }
}
