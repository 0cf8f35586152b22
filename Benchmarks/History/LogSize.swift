// Bytes of log per billed request: in blocks of 64 KiB and more, without and with the padding of
// the open segment, and in sealed segments; bytes per event beside other ways to keep the same.
import Base
import Ledger
import Projections

struct LogSize: Benchmark {
  static let name = "size"
  static let about = "bytes of log per billed request; per event beside JSON lines and databases"

  static func run(_ run: Run) throws {
    let requests = run.isSmoke ? 3000 : 200_000
    let pure = HistoryOptions.realistic(requests: requests, hasFailures: false, seed: run.seed)
    let mixed = HistoryOptions.realistic(requests: requests, hasFailures: true, seed: run.seed)
    try measure(run, pure, "admission + settlement", judged: true)
    try measure(run, mixed, "all events of mixed traffic", judged: false)
    try sealed(run, pure, "admission + settlement", judged: true)
    try sealed(run, mixed, "all events of mixed traffic", judged: false)
    try beside(run, mixed)
    if pure.recordedChats.isEmpty {
      run.report.note("size: without ../shared/data/traffic: sizes from built-in distributions")
    }
    if run.wantsDetails { try details(run, pure) }
  }

  private static func measure(
    _ run: Run, _ history: HistoryOptions, _ what: String, judged: Bool
  ) throws {
    let scratch = try Scratch(run)
    let log = try GeneratedLog("log", in: scratch, history)
    try log.write(blockBytes: 64 << 10)
    let stored = log.ledger.statistics
    let counts = log.counts
    try log.close()
    let sizes = try BlockSizes(log.segments)
    let requests = Double(counts.settlements)
    let dense = Double(sizes.dense) / requests
    run.report.state(
      "log bytes per request, blocks of 64 KiB, \(what)", decimal(dense, 1), dense,
      judged ? .atMost(130) : .none)
    run.report.state(
      "  with padding to 4 KiB; record bytes",
      "\(decimal(Double(stored.storedBytes) / requests, 1)); "
        + decimal(Double(sizes.raw) / requests, 1))
  }

  /// The same history in segments that are sealed, but for the last.
  private static func sealed(
    _ run: Run, _ history: HistoryOptions, _ what: String, judged: Bool
  ) throws {
    let scratch = try Scratch(run)
    let log = try GeneratedLog(
      "log", in: scratch, history, segmentBytes: run.isSmoke ? 256 << 10 : 8 << 20)
    try log.write()
    while case .sealed = try log.ledger.sealIfNeeded(counting: { _, _ in }) {}
    let counts = log.counts
    try log.close()
    let paths = try log.segments.dropLast()
    guard !paths.isEmpty else { throw BenchmarkError("no segment was sealed") }
    let bytes = try paths.reduce(0) { try $0 + (RealFileSystem().status(of: $1)?.size ?? 0) }
    let events = try BlockSizes(Array(paths)).events
    let requests = Double(events) * Double(counts.settlements) / Double(counts.events)
    let each = Double(bytes) / requests
    run.report.state(
      "log bytes per request, sealed segments, \(what)", decimal(each, 1), each,
      judged ? .atMost(110) : .none)
  }

  /// The events of mixed traffic in sealed segments, and the same in other hands.
  private static func beside(_ run: Run, _ history: HistoryOptions) throws {
    let scratch = try Scratch(run)
    var options = history
    options.requests = run.isSmoke ? 1500 : 50_000
    let log = try GeneratedLog(
      "log", in: scratch, options, segmentBytes: run.isSmoke ? 64 << 10 : 1 << 20)
    try log.write()
    while case .sealed = try log.ledger.sealIfNeeded(counting: { _, _ in }) {}
    try log.close()
    let paths = try log.segments.dropLast()
    let sealed = try BlockSizes(Array(paths)).events
    let bytes = try paths.reduce(0) { try $0 + (RealFileSystem().status(of: $1)?.size ?? 0) }
    try EventSizes(run, scratch, log).measure(logBytes: Double(bytes) / Double(sealed))
  }

  /// What the bytes go to.
  private static func details(_ run: Run, _ history: HistoryOptions) throws {
    let scratch = try Scratch(run)
    var options = history
    options.requests = min(options.requests, 20_000)
    let log = try GeneratedLog("log", in: scratch, options)
    try log.write()
    var raw = RawBlocks()
    var reader = log.ledger.reader(from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() { raw.append(record) }
    }
    try log.close()
    let requests = Double(raw.settlements)
    run.report.say(
      "  fast \(decimal(Double(raw.compressed(level: 0)) / requests, 1))"
        + ", HC 9 \(decimal(Double(raw.compressed(level: 9)) / requests, 1))"
        + ", HC 12 \(decimal(Double(raw.compressed(level: 12)) / requests, 1)) bytes per request")
    for cost in FieldCosts.measure(raw).sorted(by: { $0.dense > $1.dense }) {
      run.report.say("  \(decimal(cost.fast, 2))  \(decimal(cost.dense, 2))  \(cost.field)")
    }
  }
}
