/// What a store does under its write lock, for a log or a test that watches.
package enum StoreEvent: Equatable, Sendable {
  /// A write transaction has begun.
  case began
  /// A write transaction with the jobs of this many callers is on the disk.
  case committed(jobs: Int)
  /// The write-ahead log was copied into the database.
  case checkpointed(pages: Int)
  /// A reader keeps the write-ahead log from starting anew, which grows meanwhile.
  case checkpointHeld(pages: Int)
}

/// How a store waits and groups.
package struct StoreOptions: Sendable {
  /// How long a caller waits for the other writers before `busy`.
  package var patience: Duration = .seconds(5)
  /// How many callers may share one transaction, and with it one fsync; one may bring many of
  /// its own.
  package var batch = 256
  /// The pages of the write-ahead log from which it is copied into the database.
  package var logPages = 1_000
  /// Called under the write lock by the thread that commits.
  package var observe: @Sendable (StoreEvent) -> Void = { _ in }

  package init() {}
}
