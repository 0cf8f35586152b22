// How long something took, counted in fixed buckets, for /metrics.
internal import Synchronization

/// Durations in buckets that never change, with their count and sum.
public final class LatencyHistogram: Sendable {
  /// Upper bounds of the buckets in nanoseconds; one more bucket takes what is longer.
  public static let bounds: [Int64] = [
    50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000,
    50_000_000, 100_000_000, 500_000_000, 1_000_000_000, 5_000_000_000,
  ]

  /// What was counted up to some moment.
  public struct Snapshot: Equatable, Sendable {
    /// Durations per bucket, not cumulative: one more than `bounds`.
    public var counts = [Int](repeating: 0, count: LatencyHistogram.bounds.count + 1)
    public var count = 0
    public var sumNanoseconds: Int64 = 0
  }
  private let state = Mutex(Snapshot())

  public init() {}

  public var snapshot: Snapshot { state.withLock { $0 } }

  func record(_ nanoseconds: Int64) { record(CollectionOfOne(nanoseconds)) }

  func record(_ durations: some Collection<Int64>) {
    state.withLock { state in
      for nanoseconds in durations {
        let index = Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count
        state.counts[index] += 1
        state.count += 1
        state.sumNanoseconds &+= nanoseconds
      }
    }
  }
}

/// What the writer did since it started.
public struct AppendStatistics: Equatable, Sendable {
  /// Blocks made durable.
  public var blocks = 0
  /// Records made durable.
  public var records = 0
  /// Record bytes before compression.
  public var rawBytes = 0
  /// Bytes of blocks in the segments, padding included.
  public var storedBytes = 0
  /// Blocks that had to be given to the disk again.
  public var retries = 0
}
