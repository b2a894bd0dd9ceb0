import Accounts
import Foundation
import PasswordHash
import Testing

/// Cheap parameters: what is tested here does not depend on the cost.
private let cheap = Argon2Parameters(memoryKiB: 64, iterations: 1, parallelism: 1)

/// RFC 9106; NIST SP 800-63B-4 §3.1.1.2.
@Suite struct `A password hash` {
  /// T115: OWASP ASVS 5.0, appendix C.
  @Test func `is argon2id with a salt of its own and no less than the least cost`() throws {
    let password = Array("correct horse battery staple".utf8)
    let first = try PasswordHash.make(password)
    let second = try PasswordHash.make(password)
    #expect(first.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    #expect(first != second)
    // 16 and 32 bytes in base64.
    #expect(first.split(separator: "$").suffix(2).map(\.count) == [22, 43])
    #expect(try PasswordHash.verify(password, first))
    #expect(try PasswordHash.verify(password, second))
    #expect(try !PasswordHash.verify(Array("correct horse battery stapl".utf8), first))
  }

  /// From the tests of the reference implementation.
  @Test func `of another program of the same form is verified`() throws {
    let reference =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
    #expect(try PasswordHash.verify(Array("password".utf8), reference))
    #expect(try !PasswordHash.verify(Array("Password".utf8), reference))
    #expect(
      try PasswordHash.make(
        Array("password".utf8), salt: Array("somesalt".utf8),
        parameters: Argon2Parameters(memoryKiB: 256, iterations: 2, parallelism: 1)) == reference)
  }

  /// T119, T120, T121: every byte counts, at any place, a NUL included.
  @Test(arguments: [0, 20, 21, 55, 71, 72, 127, 128, 255, 256, 511, 1_022, 1_023])
  func `takes every byte into account`(place: Int) throws {
    var password = [UInt8](repeating: UInt8(ascii: "a"), count: 1_024)
    password[20] = 0
    let hash = try PasswordHash.make(password, parameters: cheap)
    #expect(try PasswordHash.verify(password, hash))
    #expect(try !PasswordHash.verify(Array(password[..<place]), hash))
    password[place] ^= 1
    #expect(try !PasswordHash.verify(password, hash))
  }

  /// T121.
  @Test func `is not cut at a NUL`() throws {
    let hash = try PasswordHash.make(Array("correct horse battery\0X".utf8), parameters: cheap)
    #expect(try PasswordHash.verify(Array("correct horse battery\0X".utf8), hash))
    #expect(try !PasswordHash.verify(Array("correct horse battery".utf8), hash))
    #expect(try !PasswordHash.verify(Array("correct horse battery\0Y".utf8), hash))
  }

  /// T122: é is one password however it was typed; blanks and case are not.
  @Test func `is of the normalized password and of nothing less`() throws {
    let hash = try PasswordHash.make(bytes(" Caf\u{e9}  au lait "), parameters: cheap)
    #expect(try PasswordHash.verify(bytes(" Cafe\u{301}  au lait "), hash))
    for other in ["Café  au lait ", " Café au lait ", " café  au lait ", " Cafe  au lait "] {
      #expect(try !PasswordHash.verify(bytes(other), hash))
    }
  }

  /// T116.
  @Test func `is made anew when the parameters are no longer these`() throws {
    let hash = try PasswordHash.make(bytes("password"), parameters: cheap)
    #expect(!PasswordHash.needsRehash(hash, parameters: cheap))
    #expect(PasswordHash.needsRehash(hash, parameters: .standard))
    #expect(PasswordHash.needsRehash("!", parameters: cheap))
  }

  /// Whoever can write into the store must not be able to stop the program.
  @Test(arguments: [
    "", "!", "$", "plain", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv",
    "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2d$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=104857600,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=131073,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=17,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=5$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=4294967295$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=064,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=+64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$t=1,m=64,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=1,x=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ=$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=1$c29t$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA$",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAA\u{e9}",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAA\0AA",
  ])
  func `that is malformed or asks for too much is an error, not a wrong password`(
    stored: String
  ) throws {
    #expect(throws: HashingError.malformed) { try PasswordHash.verify(bytes("password"), stored) }
  }

  @Test(arguments: [
    Argon2Parameters(memoryKiB: 131_073, iterations: 1, parallelism: 1),
    Argon2Parameters(memoryKiB: 64, iterations: 0, parallelism: 1),
    Argon2Parameters(memoryKiB: 64, iterations: 1, parallelism: 0),
    Argon2Parameters(memoryKiB: 64, iterations: 1, parallelism: .max),
  ])
  func `with parameters that could not be verified is not made`(
    parameters: Argon2Parameters
  ) throws {
    #expect(throws: HashingError.self) {
      try PasswordHash.make(bytes("password"), parameters: parameters)
    }
  }

  /// T114: what is done for a name that does not exist costs what is done for one that does.
  @Test func `of nobody costs the same and fits no password`() throws {
    let decoy = try PasswordHash.decoy()
    let real = try PasswordHash.make(bytes("correct horse"))
    // What it costs is decided by the kind, the version, the parameters and the lengths alone; that
    // an answer takes as long is measured where it is given (Tests/routes/test_equal_time.py).
    let cost = { (hash: String) in hash.split(separator: "$").prefix(3) }
    let lengths = { (hash: String) in hash.split(separator: "$").map(\.count) }
    #expect(cost(decoy) == ["argon2id", "v=19", "m=19456,t=2,p=1"])
    #expect(cost(decoy) == cost(real) && lengths(decoy) == lengths(real))
    #expect(!PasswordHash.needsRehash(decoy))
    for guess in ["", "password", "correct horse", decoy] {
      #expect(try !PasswordHash.verify(bytes(guess), decoy))
    }
    #expect(try PasswordHash.verify(bytes("correct horse"), real))
  }

  private func bytes(_ text: String) -> [UInt8] {
    Password(text)?.bytes ?? []
  }
}
