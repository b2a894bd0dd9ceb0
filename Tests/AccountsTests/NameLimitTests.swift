import Testing

@testable import Accounts

/// Guesses at one name from any number of networks.
///
/// NIST SP 800-63B-4 §3.2.2: at most 100 wrong guesses in a row. T132.
@Suite struct `The limit of a name` {
  private let limit = AttemptLimit.of(.name)
  private let hour: Int64 = 3_600
  private let day: Int64 = 86_400

  /// Guesses every `pace` seconds from `start` on, in `seconds`; the times of those no ban refused.
  ///
  /// The owner logs in every `login` seconds, from a network that is exempt.
  private func attack(
    for seconds: Int64, pace: Int64 = 1, login: Int64? = nil
  ) -> [Int64] {
    var counter: AttemptCounter?
    var reached: [Int64] = []
    for time in stride(from: 0, to: seconds, by: 1) {
      let now = start + time
      if let login, time % login == 0, let found = counter {
        counter = AttemptCounter.succeeding(found, at: now, limit: limit)
      }
      guard time % pace == 0, counter?.secondsBanned(at: now, limit: limit) == nil else { continue }
      counter = AttemptCounter.failing(counter, at: now, limit: limit)
      reached.append(time)
    }
    return reached
  }

  private func mostInAnHour(_ times: [Int64]) -> Int {
    times.indices.map { first in times[first...].prefix { $0 < times[first] + hour }.count }
      .max() ?? 0
  }

  @Test func `lets 50 guesses through, then one an hour, and 100 in a row before a day's pause`() {
    let reached = attack(for: 5 * day)
    #expect(reached.prefix(50).elementsEqual(0..<50))
    #expect(reached[50] == 49 + hour && reached[51] == 49 + 2 * hour)
    #expect(reached[99] == 49 + 50 * hour)
    // Then a day of nothing, after which counting starts anew.
    #expect(reached[100] == reached[99] + day && reached[101] == reached[100] + 1)
    #expect(attack(for: 6 * hour).count == 55)
  }

  /// Whatever the attacker's pace and the owner's habits.
  @Test(
    arguments: [1, 7, 60, 73, 120, 1_800] as [Int64], [nil, 60, 600, 2_000, 86_400] as [Int64?])
  func `lets no more than 50 through in any hour`(pace: Int64, login: Int64?) {
    let reached = attack(for: 2 * day, pace: pace, login: login)
    #expect(mostInAnHour(reached) <= 50)
    #expect(mostInAnHour(reached) >= min(50, Int(hour / pace)) - 1)
  }

  @Test(arguments: [1, 600, 3_601, 7_200, 80_000] as [Int64])
  func `lets no more than 100 through in a row, however slow, without a day's pause`(pace: Int64) {
    let reached = attack(for: 400 * pace + 10 * day, pace: pace)
    var row = 0
    var last = Int64.min
    for time in reached {
      row = time >= (last == .min ? time : last) + day ? 1 : row + 1
      #expect(row <= 100)
      last = time
    }
  }

  @Test func `begins a new row with the right password, which lifts the day's ban`() throws {
    var counter = AttemptCounter(
      failures: 1, windowStartedAt: start, bannedUntil: start + day, inARow: 100)
    #expect(counter.secondsBanned(at: start, limit: limit) == day)
    counter = try #require(
      AttemptCounter.succeeding(counter, at: start + 60, limit: limit))
    #expect(counter.inARow == 0 && counter.bannedUntil == nil)
    // 49 more make 50 with no pause of an hour between.
    for guess in 1...49 as ClosedRange<Int64> {
      #expect(counter.secondsBanned(at: start + 60, limit: limit) == nil, "guess \(guess)")
      counter = AttemptCounter.failing(counter, at: start + 60, limit: limit)
    }
    #expect(counter.secondsBanned(at: start + 60, limit: limit) == hour)
  }

  @Test func `leaves the hour's ban in force after the right password`() throws {
    let banned = AttemptCounter(
      failures: 50, windowStartedAt: start, bannedUntil: start + hour)
    let after = try #require(AttemptCounter.succeeding(banned, at: start + 60, limit: limit))
    #expect(after.inARow == 0 && after.bannedUntil == start + hour)
    #expect(AttemptCounter.succeeding(banned, at: start + hour, limit: limit) == nil)
  }

  @Test func `is kept for a day after the last guess, and no longer`() {
    let one = AttemptCounter.failing(nil, at: start, limit: limit)
    #expect(!one.isSpent(at: start + (day - 1), limit: limit))
    #expect(one.isSpent(at: start + day, limit: limit))
  }

  @Test func `leaves pair and network as they were: the one is cleared, the other is not`() {
    let counter = AttemptCounter(failures: 3, windowStartedAt: start, bannedUntil: nil)
    #expect(AttemptCounter.succeeding(counter, at: start, limit: .of(.pair)) == nil)
    #expect(AttemptCounter.succeeding(counter, at: start, limit: .of(.network)) == counter)
  }
}
