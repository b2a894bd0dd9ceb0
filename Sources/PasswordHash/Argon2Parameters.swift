/// The cost parameters of argon2id.
///
/// RFC 9106 §3.1.
package struct Argon2Parameters: Equatable, Sendable {
  /// The memory in KiB: m.
  package let memoryKiB: UInt32
  /// The number of passes over the memory: t.
  package let iterations: UInt32
  /// The number of lanes: p.
  package let parallelism: UInt32

  package init(memoryKiB: UInt32, iterations: UInt32, parallelism: UInt32) {
    self.memoryKiB = memoryKiB
    self.iterations = iterations
    self.parallelism = parallelism
  }

  /// 19 MiB, two passes, one lane.
  ///
  /// One of the settings that OWASP ASVS 5.0 (appendix C) considers equivalent.
  package static let standard = Argon2Parameters(
    memoryKiB: 19_456, iterations: 2, parallelism: 1)

  /// The number of blocks that one hash fills, in KiB: the cost of one guess.
  var work: UInt64 { UInt64(memoryKiB) * UInt64(iterations) }

  /// Whether the parameters are within the limits for a stored hash.
  ///
  /// Otherwise somebody who can write to the store could make a program allocate any amount of
  /// memory or compute for any time. The limits are 128 MiB, and five times the work of `standard`.
  /// So much work RFC 9106 §4 recommends for machines with little memory: three passes over 64 MiB.
  var isBearable: Bool {
    (1...4).contains(parallelism) && (1...16).contains(iterations)
      && (8 * parallelism...131_072).contains(memoryKiB) && work <= 3 * 65_536
  }
}
