import Foundation
import PasswordHash
import Testing

/// T201: what is done without memory is neither a match nor a wrong password.
@Suite struct `A password hash without memory` {
  @Test func `is an error, and the program goes on`() throws {
    let process = Process()
    let this = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: this)
    process.arguments = ["--testing-library", "swift-testing", "--filter", "StarvedProcess"]
    // Under the address sanitizer, too, no memory is to be an answer and not the end.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["STARVE": "yes", "ASAN_OPTIONS": "allocator_may_return_null=1:detect_leaks=0"]
    ) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0 && text.contains("1 test"), "\(text)")
  }
}

/// What the test above runs in a process of its own, because the limit is a process's.
@Suite struct StarvedProcess {
  @Test(.enabled(if: ProcessInfo.processInfo.environment["STARVE"] != nil))
  func works() throws {
    let password = Array("correct horse".utf8)
    // More than the heap keeps for the next time.
    let large = Argon2Parameters(memoryKiB: 131_072, iterations: 1, parallelism: 1)
    let hash = try PasswordHash.make(password, parameters: large)
    let kind = __rlimit_resource_t(RLIMIT_AS.rawValue)
    var limit = rlimit()
    unsafe getrlimit(kind, &limit)
    // The pages in use now, and less than one hash needs.
    let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = try #require(statm.split(separator: " ").first.flatMap { UInt($0) })
    limit.rlim_cur = pages * 4_096 + 10 << 20
    unsafe setrlimit(kind, &limit)
    #expect(throws: HashingError.memory) { try PasswordHash.verify(password, hash) }
    #expect(throws: HashingError.memory) { try PasswordHash.make(password, parameters: large) }
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(kind, &limit)
    #expect(try PasswordHash.verify(password, hash))
  }
}
