import Foundation
import Testing
import Wire

/// RFC 4648 §5, RFC 7515 §2.
@Suite struct `Base64url text` {
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
    ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
  ])
  func `of RFC 4648 section 10 is written and read without padding`(plain: String, text: String) {
    #expect(Base64URL.encode(Array(plain.utf8)) == text)
    #expect(Base64URL.decode(text.utf8) == Array(plain.utf8))
  }

  @Test func `agrees with Foundation for every length and every byte`() {
    var bytes: [UInt8] = []
    for value in 0...600 {
      bytes.append(UInt8(truncatingIfNeeded: value &* 151))
      let expected = Data(bytes).base64EncodedString()
        .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
      #expect(Base64URL.encode(bytes) == expected)
      #expect(Base64URL.decode(expected.utf8) == bytes)
    }
  }

  @Test(arguments: [
    "Zg==", "Zg=", "Zm8=", "=", "Zm9v=", "Zm9v====",  // padding
    "Z", "Zm9vY",  // lengths that no bytes have
    "+/+/", "-/8", "ab+c",  // the other alphabet
    "Zm 9v", " Zm9v", "Zm9v ", "Zm\n9v", "Zm9v\n", "Zm9v\u{0}", "Zm%39v", "Zm9\u{e9}", ".",
  ])
  func `in any other spelling is refused (T029)`(text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }

  @Test func `with trailing bits that are not zero is refused (T029)`() {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    let two = alphabet.filter { Base64URL.decode([UInt8(ascii: "Z"), $0]) != nil }
    let three = alphabet.filter {
      Base64URL.decode([UInt8(ascii: "Z"), UInt8(ascii: "m"), $0]) != nil
    }
    #expect(two == Array("AQgw".utf8))
    #expect(three == Array("AEIMQUYcgkosw048".utf8))
  }

  @Test func `in a slice is read from where the slice begins`() {
    let text = Array("....Zm9v....".utf8)
    #expect(Base64URL.decode(text[4..<8]) == Array("foo".utf8))
  }
}

/// RFC 4648 §6.
@Suite struct `Base32 text` {
  @Test(arguments: [
    ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"),
    ("fooba", "mzxw6ytb"), ("foobar", "mzxw6ytboi"),
  ])
  func `of RFC 4648 section 10 is written in lower case without padding`(
    plain: String, text: String
  ) {
    #expect(Base32.encode(Array(plain.utf8)) == text)
  }

  @Test func `of sixteen bytes has twenty-six characters`() {
    #expect(Base32.encode([UInt8](repeating: 0xff, count: 16)) == "77777777777777777777777774")
  }
}

@Suite struct `Equality in constant time` {
  @Test func `holds for equal bytes and fails for one bit or one byte more or less`() {
    let secret: [UInt8] = Array(0..<32)
    #expect(constantTimeEqual(secret, secret))
    #expect(constantTimeEqual([], []))
    for index in secret.indices {
      for bit in 0..<8 {
        var other = secret
        other[index] ^= 1 << bit
        #expect(!constantTimeEqual(secret, other))
      }
    }
    #expect(!constantTimeEqual(secret, Array(secret.dropLast())))
    #expect(!constantTimeEqual(secret, secret + [0]))
    #expect(!constantTimeEqual(secret, []))
  }
}
