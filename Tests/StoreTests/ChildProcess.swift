import Accounts
import Foundation
import Store
import Testing

/// Tasks that a test runs in other processes; on its own this suite does nothing.
@Suite struct ChildProcess {
  private static let environment = ProcessInfo.processInfo.environment

  @Test(.enabled(if: ChildProcess.environment["STORE_CHILD"] != nil))
  func works() throws {
    let environment = ChildProcess.environment
    let database = try #require(environment["STORE_DATABASE"])
    switch environment["STORE_CHILD"] {
    case "rotate": try rotate(database)
    case "fill": try fill(database)
    case "once": try once(database, logPages: 4)
    case "open":
      _ = try SQLiteStore(at: database)
      report("opened")
    case "register": try register(database)
    case "serve": try serve(database)
    case "once without checkpoints": try once(database, logPages: 1_000)
    default: Issue.record("unknown task")
    }
  }

  /// Rotates sessions until it is killed, and reports what was acknowledged.
  private func rotate(_ database: String) throws {
    var options = StoreOptions()
    options.logPages = 20
    let scratch = try Scratch()
    let bench = try Bench(SQLiteStore(at: database, options: options), in: scratch)
    let pid = ProcessInfo.processInfo.processIdentifier
    let people = try (0..<8).map { try bench.person("p\(pid).\($0)").session }
    try concurrently(people.count) { index in
      for generation in 1...1_000_000 as ClosedRange<Int64> {
        let session = people[index]
        _ = try bench.refresh(session, presenting: generation, at: t(generation * 60))
        report("\(session.id) \(generation + 1)")
      }
    }
  }

  /// T189: registers until there is no room, sees that reading goes on, gets room, registers on.
  private func fill(_ database: String) throws {
    let scratch = try Scratch()
    let bench = try Bench(SQLiteStore(at: database), in: scratch)
    let (alice, session) = try bench.person("alice")
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    limit.rlim_cur = 1 << 20
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    // The log fills first and starts anew; then there is no room in the database either.
    var count = 0
    var refusals = 0
    while refusals < 3, count < 100_000 {
      do throws(StoreError) {
        try bench.person("p\(count)")
        (count, refusals) = (count + 1, 0)
      } catch {
        #expect(error == .full)
        // Nothing half done.
        #expect(try bench.store.credentials(named: #require(Username("p\(count)"))) == nil)
        refusals += 1
      }
    }
    report("\(count > 100 ? "many" : "few") fit")
    #expect(try bench.store.accountSession(of: session.id)?.account == alice.account)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    try bench.person("p\(count)")
    report("recovered")
  }

  /// T188: a few writes of each kind, each of which may fail, none of which may lie.
  private func once(_ database: String, logPages: Int) throws {
    var options = StoreOptions()
    options.logPages = logPages
    let scratch = try Scratch()
    // The fault may come while it opens: then it says so, and does not start half.
    var opened = try? SQLiteStore(at: database, options: options)
    if opened == nil { opened = try? SQLiteStore(at: database, options: options) }
    guard let opened else {
      report("closed")
      return
    }
    let bench = Bench(opened, in: scratch)
    for index in 0..<6 {
      let name = "p\(index)"
      do throws(StoreError) {
        try bench.person(name)
        report("wrote \(name)")
      } catch {
        report("failed \(name): \(error.reason)")
      }
    }
    report("end")
  }

  /// Registers accounts, each until it is acknowledged, and reports them.
  private func register(_ database: String) throws {
    var options = StoreOptions()
    options.logPages = 20
    let scratch = try Scratch()
    let pid = ProcessInfo.processInfo.processIdentifier
    // Of those that start while a file is missing, some are told to come back.
    var opened = try? SQLiteStore(at: database, options: options)
    while opened == nil { opened = try? SQLiteStore(at: database, options: options) }
    let bench = try Bench(#require(opened), in: scratch)
    // Several threads, each of which may be the one that opens the files anew.
    try concurrently(3) { thread in
      for index in 0..<40 {
        let name = "p\(pid).\(thread).\(index)"
        while true {
          do throws(StoreError) {
            try bench.person(name)
            break
          } catch {
            guard case .unreadable = error else { throw error }
            report("refused")
          }
        }
        report(name)
        _ = try? bench.mark()
        _ = try? bench.store.accounts(after: nil, limit: 1)
      }
    }
  }

  /// Writes and reads, again and again with a new connection; nothing of it may be refused.
  private func serve(_ database: String) throws {
    let scratch = try Scratch()
    let pid = ProcessInfo.processInfo.processIdentifier
    for round in 0..<6 {
      var options = StoreOptions()
      options.logPages = 5
      let bench = try Bench(SQLiteStore(at: database, options: options), in: scratch)
      let people = try (0..<4).map { try bench.person("p\(pid).\(round).\($0)").session }
      try concurrently(people.count) { index in
        for generation in 1...40 as ClosedRange<Int64> {
          let outcome = try bench.refresh(
            people[index], presenting: generation, at: t(generation * 60))
          #expect(outcome.rotation == .rotate)
          _ = try bench.mark()
          #expect(try bench.store.accountSession(of: people[index].id) != nil)
        }
      }
    }
    report("served")
  }
}
