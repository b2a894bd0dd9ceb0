import CSystem
import Configuration
import Glibc
import Launch
import System
import Text

let setupCommands = [
  Command(
    path: ["setup"], arguments: ["ORIGIN"],
    options: [
      Option(
        name: "--certificate", value: "FILE",
        meaning: "of the server block; Let's Encrypt's place otherwise"),
      Option(name: "--key", value: "FILE", meaning: "the same for the certificate's private key"),
    ],
    summary: "set up an installed package: the settings, the state, and nginx's server block",
    state: .none
  ) { arguments in
    guard let origin = Origin(arguments.positional[0]) else {
      throw Refused(
        status: 100,
        line: "\(quoted(arguments.positional[0])) is no https origin such as "
          + "https://auth.example.org")
    }
    guard geteuid() == 0 else { throw Refused(line: "only root sets up: use sudo") }
    let state = try Context.settings().state
    try SetupFile.set(origin)
    unsafe setenv("TALLYSTICK_ISSUER", origin.text, 1)
    // In a process of its own, because init becomes the owner of the state for good.
    let initialize =
      exists(state + "/tallystick.db")
      ? ["init", "--upgrade"]
      : ["init"] + (isUser("tallystick") ? ["--owner", "tallystick"] : [])
    let status = try Child.run("/proc/self/exe", initialize)
    guard status == 0 else {
      throw Refused(status: status, line: "the state was not made; the settings were written")
    }
    let isStarted = try startPrograms()
    let certificate = "/etc/letsencrypt/live/\(origin.host)/fullchain.pem"
    let key = "/etc/letsencrypt/live/\(origin.host)/privkey.pem"
    let block = ServerBlock(
      origin: origin, certificate: arguments.options["--certificate"] ?? certificate,
      key: arguments.options["--key"] ?? key,
      hasHTTP2Directive: try NginxVersion.isSince((1, 25, 1)))
    printLine(block.text)
    printError("wrote \(InstalledSettings.path)\(isStarted ? ", started tallystick.target" : "")")
    printError("next: put the server block into /etc/nginx/conf.d/tallystick.conf, run nginx -t")
    printError("and reload nginx; then `tallystick account add NAME`")
  }
]

/// Starts the programs where systemd runs them.
///
/// - Returns: Whether it did.
private func startPrograms() throws(Refused) -> Bool {
  guard exists("/run/systemd/system"), exists("/lib/systemd/system/tallystick.target") else {
    return false
  }
  let status = try Child.run("systemctl", ["start", "tallystick.target"])
  guard status == 0 else {
    throw Refused(status: 111, line: "systemctl start tallystick.target ended with \(status)")
  }
  return true
}

/// The settings file, as setup changes it.
private enum SetupFile {
  /// Sets the issuer, in the place of the line that was commented out.
  ///
  /// - Throws: `Refused` if another one is set: tokens and the browsers' data belong to it.
  static func set(_ issuer: Origin) throws(Refused) {
    let path = InstalledSettings.path
    var lines: [Substring] = []
    if exists(path) {
      let variables = try InstalledSettings.read(path).variables
      if let found = variables.first(where: { $0.name == "TALLYSTICK_ISSUER" }) {
        guard found.value == issuer.text else {
          throw Refused(
            line: "\(path) names another issuer, \(found.value): change it there if you mean it")
        }
        return
      }
      let contents = try Refused.explaining { () throws(FileError) in
        try File.contents(of: path, atMost: 65_536)
      }
      lines = String(decoding: contents, as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false)
      if lines.last == "" { lines.removeLast() }
    }
    let line = "TALLYSTICK_ISSUER=\(issuer.text)"
    if let place = lines.firstIndex(where: { $0.utf8.starts(with: "#TALLYSTICK_ISSUER=".utf8) }) {
      lines[place] = line[...]
    } else {
      lines.append(line[...])
    }
    let text = lines.joined(separator: "\n") + "\n"
    try Refused.explaining { () throws(FileError) in
      try Directory.make(Directory.parent(of: path), mode: 0o755)
      try File.replace(path, with: Array(text.utf8), mode: 0o600)
    }
  }
}

/// The installed nginx.
enum NginxVersion {
  /// Whether nginx is this version or a later one; false if there is none.
  static func isSince(_ wanted: (Int, Int, Int)) throws(Refused) -> Bool {
    guard let said = try? Child.capture("nginx", ["-v"]).errors else { return false }
    // "nginx version: nginx/1.22.1"
    let version = said.split(separator: UInt8(ascii: "/")).dropFirst().first ?? []
    let numbers = version.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
      .split(separator: UInt8(ascii: ".")).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
    guard numbers.count == 3 else { return false }
    return (numbers[0], numbers[1], numbers[2]) >= wanted
  }
}
