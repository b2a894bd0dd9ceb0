import Testing
import Token

/// The contract's section 12.
@Suite struct `The text of a device token` {
  private func digest(_ text: String) -> String? {
    DeviceToken.digest(ofPresented: Array(text.utf8)[...])
  }

  @Test func `is ts_, 43 digits and a checksum of 6, and no two are equal`() throws {
    let tokens = try (0..<200).map { _ in try DeviceToken() }
    for token in tokens {
      #expect(token.text.hasPrefix("ts_") && token.text.utf8.count == 52)
      let rest = token.text.dropFirst(3)
      #expect(rest.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
      #expect(digest(token.text) == token.digest)
      #expect(DeviceToken.isMeant(by: Array(token.text.utf8)[...]))
    }
    #expect(Set(tokens.map(\.text)).count == 200 && Set(tokens.map(\.digest)).count == 200)
  }

  @Test func `with any other character is none`() throws {
    let token = try DeviceToken()
    for place in token.text.utf8.indices {
      var bytes = Array(token.text.utf8)
      let index = token.text.utf8.distance(from: token.text.utf8.startIndex, to: place)
      for other in [UInt8(ascii: "0"), UInt8(ascii: "z"), UInt8(ascii: "-"), 0, 0xff]
      where bytes[index] != other {
        bytes[index] = other
        #expect(DeviceToken.digest(ofPresented: bytes[...]) == nil)
        bytes = Array(token.text.utf8)
      }
    }
  }

  @Test func `of another length is none`() throws {
    let text = try DeviceToken().text
    for other in ["", "ts_", String(text.dropLast()), text + "0", " " + text, text + "\n"] {
      #expect(digest(other) == nil)
    }
  }
}
