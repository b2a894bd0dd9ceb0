import Accounts
import AuthRequest
import Authentication
import FastCGI
import Foundation
import Store
import Testing
import Token

extension Host {
  /// Makes a device token; the token and its row.
  func device(
    sites: [String]? = nil, readOnly: Bool = false, lifetime: Int64? = nil
  ) throws -> (token: String, device: Device) {
    let token = try DeviceToken()
    let wish = DeviceWish(
      name: try #require(DeviceName("git")), sites: sites, isReadOnly: readOnly,
      lifetime: lifetime)
    let device = try Device(wish, for: account.id, token: token, at: now)
    #expect(try store.make(device) == .made)
    return (token.text, device)
  }

  /// Asks where device tokens count.
  func ask(
    _ headers: [(String, String)], method: String = "GET", site: String? = "https://a.test",
    after seconds: Int64 = 0
  ) -> EncodedResponse {
    let parameters =
      [("REQUEST_METHOD", method), ("AUTH_DEVICES", "on")]
      + (site.map { [("TALLYSTICK_SITE", $0)] } ?? []) + headers
    return responder.respond(to: Request(parameters: Parameters(parameters)), at: now + seconds)
  }
}

private func bearer(_ token: String) -> (String, String) {
  ("HTTP_AUTHORIZATION", "Bearer \(token)")
}

private func basic(_ name: String, _ token: String) -> (String, String) {
  ("HTTP_AUTHORIZATION", "Basic \(Data("\(name):\(token)".utf8).base64EncodedString())")
}

private func header(_ token: String) -> (String, String) { ("HTTP_X_TALLYSTICK_DEVICE", token) }

/// The contract's section 12.
@Suite struct `A device token at auth_request` {
  @Test func `counts in three ways, again from memory, and not after its end`() throws {
    let host = try Host()
    let (token, device) = try host.device()
    let ways = [bearer(token), basic("alice", token), basic("ALICE", token), header(token)]
    for _ in 0..<3 {
      for way in ways {
        let answer = host.ask([way])
        #expect(answer.status == 204)
        #expect(answer.text.contains("X-Auth-User: alice\r\n"))
        #expect(answer.text.contains("X-Auth-Groups: staff\r\n"))
        #expect(answer.text.contains("X-Auth-Session: \(device.id)\r\n"))
        #expect(!answer.text.contains("ts_"))
      }
    }
    #expect(try host.store.endDevice(device.id, of: nil))
    for way in ways { #expect(host.ask([way]).status == 401) }
  }

  @Test func `counts only where the location says so`() throws {
    let host = try Host()
    let (token, _) = try host.device()
    for way in [bearer(token), basic("alice", token), header(token)] {
      #expect(host.ask([way]).status == 204)
      for devices in [
        [], [("AUTH_DEVICES", "")], [("AUTH_DEVICES", "off")],
        [("AUTH_DEVICES", "ON")], [("AUTH_DEVICES", "on"), ("AUTH_DEVICES", "on")],
      ] {
        let request = Request(parameters: Parameters([way, ("REQUEST_METHOD", "GET")] + devices))
        #expect(host.responder.respond(to: request, at: host.now).status == 401)
      }
    }
  }

  /// T103: the name beside the token belongs to what is remembered.
  @Test func `counts beside its owner's name alone, also from memory`() throws {
    let host = try Host()
    let (token, _) = try host.device()
    for _ in 0..<2 {
      #expect(host.ask([basic("alice", token)]).status == 204)
      for name in ["bob", "", "alice ", "alice\u{0}", "al:ice", "\u{ff}"] {
        #expect(host.ask([basic(name, token)]).status == 401)
      }
    }
  }

  /// A password is any bytes at all, also such as look like the rest of another request.
  @Test func `is not taken from memory for a password that imitates a request`() throws {
    let host = try Host()
    let site = "https://a.test"
    let (token, _) = try host.device(sites: [site])
    #expect(host.ask([basic("alice", token), ("AUTH_REQUIRE", "staff")], site: site).status == 204)
    for mark in [[], [0xff]] as [[UInt8]] {
      var imitation = Array("staff:\(token)".utf8)
      for part in ["alice", "TALLYSTICK_SITE", site, "AUTH_REQUIRE"] {
        imitation += mark + [UInt8(part.utf8.count), 0, 0, 0] + Array(part.utf8)
      }
      let header = ("HTTP_AUTHORIZATION", "Basic \(Data(imitation).base64EncodedString())")
      #expect(host.ask([header], site: nil).status == 401)
    }
  }

  @Test func `is held to its sites and methods, also from memory`() throws {
    let host = try Host()
    let (held, _) = try host.device(sites: ["https://a.test"])
    let (reads, _) = try host.device(readOnly: true)
    for _ in 0..<2 {
      for way in [bearer(held), basic("alice", held), header(held)] {
        #expect(host.ask([way]).status == 204)
        #expect(host.ask([way], site: "https://b.test").status == 401)
        #expect(host.ask([way], site: nil).status == 401)
      }
      for way in [bearer(reads), basic("alice", reads), header(reads)] {
        for method in ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"] {
          #expect(host.ask([way], method: method).status == 204)
        }
        for method in ["POST", "PUT", "DELETE", "MKCOL", "get"] {
          let answer = host.ask([way], method: method)
          #expect(answer.status == 403 && answer.text.contains("error=\"insufficient_scope\""))
        }
        #expect(host.ask([way, ("HTTP_UPGRADE", "websocket")]).status == 403)
        #expect(host.ask([way, ("HTTP_X_HTTP_METHOD_OVERRIDE", "PUT")]).status == 403)
      }
    }
  }

  @Test func `opens nothing for another site's page in a browser that keeps it`() throws {
    let host = try Host()
    let (token, _) = try host.device()
    let foreign = [("HTTP_ORIGIN", "https://evil.test"), ("HTTP_SEC_FETCH_SITE", "cross-site")]
    for _ in 0..<2 {
      #expect(host.ask([basic("alice", token)], method: "POST").status == 204)
      let answer = host.ask([basic("alice", token)] + foreign, method: "POST")
      #expect(answer.status == 403 && answer.text.contains("cross_site"))
    }
  }

  @Test func `that is misspelt, or of another length, is refused before the store is asked`() throws
  {
    let host = try Host()
    let (token, _) = try host.device()
    #expect(host.ask([bearer(token)]).status == 204)
    for other in [
      String(token.dropLast()), token + "0", "ts_" + String(repeating: "0", count: 49),
      token.replacingOccurrences(of: "ts_", with: "tt_"), "ts_", token.uppercased(),
    ] {
      for way in [bearer(other), basic("alice", other), header(other)] {
        #expect(host.ask([way]).status == 401)
      }
    }
  }

  @Test func `goes before every other credential, and none takes its place`() throws {
    let host = try Host()
    let (token, device) = try host.device()
    let (session, access) = try host.signIn()
    let both = host.ask([header(token), bearer(access)])
    #expect(both.status == 204 && both.text.contains("X-Auth-Session: \(device.id)"))
    #expect(host.ask([header("ts_wrong"), bearer(access)]).status == 401)
    #expect(host.ask([header(token), header(token)]).status == 401)
    #expect(host.ask([bearer(token), bearer(token)]).status == 401)
    let empty = host.ask([header(""), bearer(access)])
    #expect(empty.status == 204 && empty.text.contains("X-Auth-Session: \(session)"))
  }

  @Test func `does not count while its account is disabled, and after a sign-out everywhere does`()
    throws
  {
    let host = try Host()
    let (token, _) = try host.device()
    #expect(host.ask([bearer(token)]).status == 204)
    #expect(try host.store.revoke(host.account.id) == 2)
    #expect(host.ask([bearer(token)]).status == 204)
    #expect(try host.store.setDisabled(true, account: host.account.id))
    #expect(host.ask([bearer(token)]).status == 401)
    #expect(try host.store.setDisabled(false, account: host.account.id))
    #expect(host.ask([bearer(token)]).status == 204)
    #expect(try host.store.revokeWithDevices(host.account.id) == 1)
    #expect(host.ask([bearer(token)]).status == 401)
  }

  @Test func `is held to its end, to the second, and to the groups of its account`() throws {
    let host = try Host()
    let (token, _) = try host.device(lifetime: 60)
    for (seconds, status) in [(0, 204), (59, 204), (60, 401), (1, 204)] {
      #expect(host.ask([bearer(token)], after: Int64(seconds)).status == status)
    }
    #expect(host.ask([bearer(token), ("AUTH_REQUIRE", "staff")]).status == 204)
    #expect(host.ask([bearer(token), ("AUTH_REQUIRE", "staff/ops")]).status == 403)
    #expect(host.ask([bearer(token), ("AUTH_REQUIRE", "ops,user:alice")]).status == 204)
    #expect(host.ask([bearer(token), ("AUTH_REQUIRE", "staff//ops")]).status == 503)
  }

  @Test func `is written down as used once an hour`() throws {
    let host = try Host()
    let (token, device) = try host.device()
    func lastUse() throws -> NumericDate? {
      host.responder.lateWriter.flush()
      return try host.store.devices(of: host.account.id, at: host.now).first?.lastUsedAt
    }
    #expect(try lastUse() == nil)
    #expect(host.ask([bearer(token)]).status == 204)
    #expect(try lastUse() == device.createdAt)
    #expect(host.ask([bearer(token)], after: 3_599).status == 204)
    let second = (host.now + 3_599).startOfHour
    #expect(try lastUse() == max(second, device.createdAt))
    #expect(host.ask([bearer(token)], after: 7_200).status == 204)
    #expect(try lastUse() == (host.now + 7_200).startOfHour)
    // A refusal is no use.
    #expect(host.ask([bearer(token)], method: "POST", after: 14_400).status == 204)
    #expect(host.ask([basic("bob", token)], after: 20_000).status == 401)
    #expect(try lastUse() == (host.now + 14_400).startOfHour)
  }

  @Test func `is asked for where it would count, of programs and not of browsers`() throws {
    let host = try Host()
    func challenge(_ headers: [(String, String)]) -> String {
      let text = host.ask(headers).text
      #expect(text.components(separatedBy: "WWW-Authenticate:").count == 2)
      return text
    }
    let realm = "realm=\"https://a.test\""
    #expect(
      challenge([]).contains("WWW-Authenticate: Bearer \(realm), Basic \(realm), charset=\"UTF-8\"")
    )
    #expect(challenge([bearer("ts_x")]).contains("error=\"invalid_token\", Basic \(realm)"))
    for browser in [
      ("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_FETCH_SITE", "same-origin"),
      ("HTTP_ACCEPT", "text/html,*/*"), ("HTTP_ORIGIN", "https://a.test"),
    ] {
      #expect(!challenge([browser]).contains("Basic"))
    }
    #expect(!host.check("x").text.contains("Basic"))
  }
}
