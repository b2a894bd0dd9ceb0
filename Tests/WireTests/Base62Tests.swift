import Testing
import Wire

@Suite struct `base62` {
  @Test(
    arguments: [
      ([0], 1, "0"), ([61], 1, "z"), ([62], 2, "10"), ([0, 35], 3, "00Z"), ([1, 0], 2, "48"),
      ([0xff, 0xff, 0xff, 0xff], 6, "4gfFC3"),
    ] as [([UInt8], Int, String)])
  func `writes a number with its highest digit first`(
    bytes: [UInt8], count: Int, text: String
  ) {
    #expect(String(decoding: Base62.encode(bytes, count: count), as: UTF8.self) == text)
  }

  @Test func `has room for 256 bits in 43 digits`() {
    let most = Base62.encode([UInt8](repeating: 0xff, count: 32), count: 44)
    #expect(most[0] == UInt8(ascii: "0") && most[1] != UInt8(ascii: "0"))
    let ten = Base62.encode([UInt8](repeating: 0xff, count: 32), count: 43)
    #expect(ten == Array(most.dropFirst()))
  }

  @Test func `has letters and digits alone`() {
    for byte in UInt8.min...UInt8.max {
      let isDigit =
        Character(UnicodeScalar(byte)).isASCII
        && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
      #expect(Base62.isDigits([byte]) == isDigit)
    }
  }
}

@Suite struct `CRC-32` {
  /// The check value of the catalogue of CRCs.
  @Test func `is that of zip`() {
    #expect(crc32("123456789".utf8) == 0xcbf4_3926)
    #expect(crc32([]) == 0)
  }
}

/// RFC 4648 §10.
@Suite struct `base64` {
  @Test(arguments: [
    ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar"),
    ("Pz8/Pj4+", "???>>>"),
  ])
  func `is read`(text: String, decoded: String) {
    let bytes = Base64.decode(Array(text.utf8)[...])
    #expect(bytes.map { String(decoding: $0, as: UTF8.self) } == decoded)
  }

  @Test(arguments: [
    "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Pz8_Pj4-", "Zm9v\n", " Zm9v", "Zm 9v",
    "Z=g=", "Zm9vYmF",
  ])
  func `in another spelling is refused`(text: String) {
    #expect(Base64.decode(Array(text.utf8)[...]) == nil)
  }
}

/// RFC 7617 §2.
@Suite struct `Authorization: Basic` {
  private func read(_ header: String) -> [String]? {
    Authorization.basic(Array(header.utf8)[...]).map { found in
      [found.username, found.password].map { String(decoding: $0, as: UTF8.self) }
    }
  }

  @Test func `is a name and a password, of which the password may have colons`() {
    #expect(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ["Aladdin", "open sesame"])
    #expect(read("bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ["Aladdin", "open sesame"])
    #expect(read("Basic YTpiOmM=") == ["a", "b:c"])
    #expect(read("Basic Og==") == ["", ""])
  }

  @Test(arguments: [
    "", "Basic", "Basic ", "Basic YWI=", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "BasicYTpi",
    "Basic YTpi YTpi", "Bearer YTpi", "Basicx YTpi", "Basic YTpi,", "Basic\tYTpi",
  ])
  func `that is malformed is none`(header: String) {
    #expect(read(header) == nil)
  }
}
