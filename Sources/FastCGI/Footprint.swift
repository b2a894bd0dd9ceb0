// What a program keeps of its start.

import CSystem
import Glibc

/// Lets the code go that only the start has needed.
///
/// Starting runs through most of a program once: the loader, Swift's type metadata, SQLite's parser,
/// OpenSSL's tables; afterwards a program that waits for requests holds megabytes it never runs
/// again. Code is never written to, so the kernel may forget it: what is needed comes back from
/// the page cache, and the rest is memory for somebody else.
func releaseStartCode() {
  guard let maps = readText("/proc/self/maps") else { return }
  for line in maps.split(separator: "\n") {
    let fields = line.split(separator: " ", omittingEmptySubsequences: true)
    // Code of a file. Not what may be read alone: there, the loader has written addresses.
    guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
    let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    guard bounds.count == 2, bounds[0] < bounds[1] else { continue }
    let start = unsafe UnsafeMutableRawPointer(bitPattern: bounds[0])
    unsafe madvise(start, Int(bounds[1] - bounds[0]), MADV_DONTNEED)
  }
}

private func readText(_ path: String) -> String? {
  let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard number >= 0 else { return nil }
  defer { _ = close(number) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 16_384)
  while true {
    let count = unsafe read(number, &piece, piece.count)
    guard count > 0 else { break }
    bytes += piece.prefix(count)
  }
  return String(validating: bytes, as: UTF8.self)
}
