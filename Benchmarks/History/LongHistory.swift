// The long history that several benchmarks share, generated once a run: 10 million events.
import Base
import Ledger
import Projections

struct LongHistory {
  let log: GeneratedLog
  var path: String { log.path }
  var events: Int { log.counts.events }
}

extension Run {
  /// Generated at the first call; its segments are sealed but for the last.
  func longHistory() throws -> LongHistory {
    if let long { return long }
    let scratch = try Scratch(self)
    let requests = isSmoke ? 2000 : longEvents / 2
    let watch = Stopwatch()
    let log = try GeneratedLog(
      "long", in: scratch, DaybookServer.history(requests: requests, seed: seed),
      segmentBytes: isSmoke ? 1 << 20 : 128 << 20)
    try log.write()
    let generating = watch.seconds
    let sealing = Stopwatch()
    let count = VerificationRequest.ofEvents.count
    while case .sealed = try log.ledger.sealIfNeeded(counting: count) {}
    try log.close()
    let made = LongHistory(log: log)
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
