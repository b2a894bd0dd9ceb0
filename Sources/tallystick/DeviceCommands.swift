// `tallystick device …`: makes, lists and ends device tokens (the contract's section 12).

import Accounts
import Authentication
import Configuration
import Launch
import Logging
import Text
import Token
import Wire

let deviceCommands = [
  Command(
    path: ["device", "add"], arguments: ["NAME", "DEVICE"],
    options: [
      Option(name: "--sites", value: "A,B", meaning: "it counts at these origins only"),
      Option(name: "--read-only", meaning: "it counts for requests that read only"),
      Option(name: "--expires-in", value: "90d", meaning: "when it ends; without this, never"),
      .json,
    ], summary: "make a device token for an account and print it, this once"
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: arguments.has("--sites"))
    let wish = try wish(arguments, settings)
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    let token = try DeviceToken()
    let device = try Device(wish, for: account.id, token: token, at: Clock.now())
    switch try store.make(device) {
    case .made: break
    case .tooMany: throw Refusal.tooManyDevices
    case .outdated: throw Refused(line: "\(account.username) is disabled")
    }
    Context.note("device add", account: account)
    guard arguments.has("--json") else {
      printLine(token.text)
      return
    }
    printTable(columns + ["token"], [row(device) + [.string(token.text)]], asJSON: true)
  },
  Command(
    path: ["device", "list"], arguments: ["NAME"], options: [.json],
    summary: "list an account's device tokens, the newest first"
  ) { arguments in
    let store = try Context.store()
    let account = try Context.account(arguments.positional[0], in: store)
    let devices = try store.devices(of: account.id, at: Clock.now())
    printTable(columns, devices.map(row), asJSON: arguments.has("--json"))
  },
  Command(
    path: ["device", "end"], arguments: ["ID"], summary: "end one device token, at once"
  ) { arguments in
    let id = arguments.positional[0]
    guard let device = DeviceID(id), try Context.store().endDevice(device, of: nil) else {
      throw Refused(line: "no device token \(quoted(id))")
    }
    Context.note("device end")
    printLine("ended \(device)")
  },
]

private let columns = [
  "id", "name", "sites", "read_only", "created_at", "last_used_at", "expires_at",
]

private func row(_ device: Device) -> [JSON] {
  [
    .string(device.id.text), .string(device.name.text),
    device.sites.map { .array($0.map(JSON.string)) } ?? .null, .bool(device.isReadOnly),
    time(device.createdAt), device.lastUsedAt.map(time) ?? .null,
    device.expiresAt.map(time) ?? .null,
  ]
}

private func wish(_ arguments: Arguments, _ settings: Settings) throws(Refused) -> DeviceWish {
  let text = arguments.positional[1]
  guard let name = DeviceName(text) else {
    throw Refused(
      line: "\(quoted(text)) is no name of a device: 1 to 64 characters without spaces around them")
  }
  var lifetime: Int64?
  if let text = arguments.options["--expires-in"] {
    guard let seconds = wholeSeconds(text), Device.lifetimes.contains(seconds) else {
      throw Refused(
        status: 100, line: "\(quoted(text)) is no duration such as 90d, from 1s to 3660d")
    }
    lifetime = seconds
  }
  var heldTo: [String]?
  if let text = arguments.options["--sites"] { heldTo = try sites(text, settings) }
  return DeviceWish(
    name: name, sites: heldTo, isReadOnly: arguments.has("--read-only"), lifetime: lifetime)
}

private func sites(_ text: String, _ settings: Settings) throws(Refused) -> [String] {
  let sites = text.split(separator: ",").map(String.init)
  guard (1...Device.maximumSiteCount).contains(sites.count), Set(sites).count == sites.count else {
    throw Refused(
      status: 100, line: "\(quoted(text)) is no list of different origins, with commas between")
  }
  for site in sites where settings.knownSite(site) == nil {
    throw Refused(
      line: "\(quoted(site)) is neither the issuer nor in TALLYSTICK_SITES: see config show")
  }
  return sites
}
