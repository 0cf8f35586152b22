// The long history that several benchmarks share, generated once a run: 10 million events.
import Base
import Ledger
import Projections

struct LongHistory {
  let path: String
  let events: Int
  let settlements: Int
  fileprivate let scratch: Scratch
}

extension Run {
  /// Generated at the first call; its segments are sealed but for the last.
  func longHistory() throws -> LongHistory {
    if let long { return long }
    let scratch = try Scratch(self)
    let requests = isSmoke ? 2000 : 5_000_000
    let watch = Stopwatch()
    let log = try GeneratedLog(
      at: scratch.file("long"), DaybookServer.history(requests: requests, seed: seed),
      segmentBytes: isSmoke ? 1 << 20 : 128 << 20)
    try log.write()
    let generating = watch.seconds
    let sealing = Stopwatch()
    while case .sealed = try log.ledger.sealIfNeeded(counting: { _, _ in }) {}
    try log.close()
    let made = LongHistory(
      path: log.path, events: log.counts.events, settlements: log.counts.settlements,
      scratch: scratch)
    report.say(
      "  generated \(grouped(made.events)) events in \(decimal(generating, 1)) s, sealed in "
        + "\(decimal(sealing.seconds, 1)) s")
    long = made
    return made
  }
}

extension Scratch {
  /// Segment files of a data directory, in order.
  static func segments(of data: String) throws -> [String] {
    let folder = data + "/segments"
    return try RealFileSystem().list(folder).filter { $0.hasSuffix(".lz4") }.sorted()
      .map { "\(folder)/\($0)" }
  }
}
