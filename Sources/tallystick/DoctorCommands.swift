import Accounts
import CSystem
import Configuration
import Doctor
import Glibc
import Launch
import Nginx
import System
import Wire

let doctorCommands = [
  Command(
    path: ["doctor"],
    options: [
      Option(
        name: "--dump", value: "FILE",
        meaning: "examine what nginx -T printed elsewhere, and nothing else"),
      Option(name: "--offline", meaning: "sign nobody in and ask no location"), .json,
    ],
    summary: "say whether all of it works, and if not, which line to change", state: .none
  ) { arguments in
    let settings = try Context.settings(issuerNeeded: true)
    let dump = arguments.options["--dump"]
    let configuration = try readConfiguration(dump)
    var findings = examine(
      configuration, settings: settings, shipped: shippedSnippets(configuration))
    if dump == nil {
      findings += try hostFindings(configuration, settings)
      if !arguments.has("--offline") { findings += try liveFindings(configuration, settings) }
    }
    report(findings, asJSON: arguments.has("--json"))
    guard findings.allSatisfy(\.isNote) else {
      throw Refused(line: "\(findings.count { !$0.isNote }) things are wrong")
    }
  }
]

/// The configuration of the installed nginx, or one that was written to a file.
func readConfiguration(_ dump: String?) throws -> Nginx.Configuration {
  let bytes: [UInt8]
  if let dump {
    guard let contents = readFile(dump) else { throw Refused(line: "cannot read \(dump)") }
    bytes = contents
  } else {
    let printed = try Child.capture("nginx", ["-T"])
    guard printed.status == 0 else {
      let said = String(decoding: printed.errors, as: UTF8.self).split(separator: "\n")
      throw Refused(line: "nginx refuses its configuration: \(said.first ?? "")")
    }
    bytes = printed.output
  }
  do throws(SyntaxError) {
    return try Nginx.Configuration(dump: bytes)
  } catch {
    throw Refused(line: "\(error.file):\(error.line): \(error.problem)")
  }
}

/// The snippets that this version ships, of those that are included.
private func shippedSnippets(_ configuration: Nginx.Configuration) -> [String: [UInt8]] {
  var found: [String: [UInt8]] = [:]
  for path in configuration.files.keys {
    let names = path.split(separator: "/").map(String.init)
    guard let start = names.lastIndex(of: "tallystick") else { continue }
    let name = names[(start + 1)...].joined(separator: "/")
    found[name] = readFile("/usr/share/tallystick/nginx/" + name)
  }
  return found
}

private func report(_ findings: [Finding], asJSON: Bool) {
  if asJSON {
    let rows = findings.map { finding -> [JSON] in
      [
        .string(finding.check), .string(finding.file), .integer(Int64(finding.line)),
        .string(finding.problem), .string(finding.remedy), .bool(!finding.isNote),
      ]
    }
    return printTable(["check", "file", "line", "problem", "remedy", "wrong"], rows, asJSON: true)
  }
  for finding in findings {
    let place = finding.file.isEmpty ? "" : "\(finding.file):\(finding.line): "
    printLine("\(finding.isNote ? "note: " : "")\(place)\(finding.problem)")
    printLine("    \(finding.remedy)")
  }
  if findings.allSatisfy(\.isNote) { printLine("nothing is wrong") }
}

// What is wrong with this host

private func hostFindings(
  _ configuration: Nginx.Configuration, _ settings: Settings
) throws -> [Finding] {
  let group = nginxGroup(configuration)
  return sockets(configuration).compactMap { socketFinding($0, group: group) }
    + clockFindings() + (try stateFindings())
}

/// The paths of the sockets behind our upstreams.
private func sockets(_ configuration: Nginx.Configuration) -> [Directive] {
  (configuration.http?.inner("upstream") ?? [])
    .filter { $0.directive.value.utf8.starts(with: "tallystick_".utf8) }
    .flatMap { $0.own.filter { $0.name == "server" && $0.value.utf8.starts(with: "unix:".utf8) } }
}

/// The group of nginx's workers.
private func nginxGroup(_ configuration: Nginx.Configuration) -> gid_t? {
  let words = configuration.directives.last { $0.name == "user" }?.arguments ?? ["nobody"]
  if words.count > 1, let entry = unsafe getgrnam(words[1]) { return unsafe entry.pointee.gr_gid }
  guard let entry = unsafe getpwnam(words[0]) else { return nil }
  return unsafe entry.pointee.pw_gid
}

private func socketFinding(_ directive: Directive, group: gid_t?) -> Finding? {
  let path = String(directive.value.dropFirst(5))
  func finding(_ problem: String, _ remedy: String) -> Finding {
    Finding(
      "socket", file: directive.file, line: directive.line, problem: "\(path) \(problem)",
      remedy: remedy)
  }
  var info = stat()
  guard unsafe lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFSOCK else {
    return finding("is no socket: the program does not run", "systemctl start tallystick.target")
  }
  guard info.st_mode & 0o777 == 0o660 else {
    return finding(
      "has mode \(String(info.st_mode & 0o777, radix: 8)): whoever can write to it can say anything",
      "chmod 0660 \(path)")
  }
  guard group == nil || info.st_gid == group else {
    return finding("is not of nginx's group: nginx cannot write to it", "SocketGroup= in its unit")
  }
  return nil
}

/// Whether the kernel says that somebody keeps its clock right.
private func clockFindings() -> [Finding] {
  var state = timex()
  guard unsafe adjtimex(&state) >= 0, state.status & STA_UNSYNC != 0 else { return [] }
  var note = Finding(
    "clock", problem: "nobody keeps the clock right: tokens live by it",
    remedy: "apt install systemd-timesyncd")
  note.isNote = true
  return [note]
}

/// What the service's own account has against the state.
private func stateFindings() throws -> [Finding] {
  let checked = try Child.capture("/proc/self/exe", ["config", "check"])
  guard checked.status != 0 else { return [] }
  let said = String(decoding: checked.errors, as: UTF8.self).split(separator: "\n").first ?? ""
  return [
    Finding(
      "state", problem: String(said), remedy: "as the line says; then tallystick config check")
  ]
}
