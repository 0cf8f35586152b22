// Durable appends by 1, 8 and 64 callers at a time, in turn with the bare disk writing the same
// blocks; the rate when nobody waits for each event; SQLite's rate.
import Base
import Ledger

struct DurableAppend: Benchmark {
  static let name = "append"
  static let about = "durable appends, beside the bare disk and SQLite"

  static func run(_ run: Run) throws {
    let scratch = try Scratch(run)
    let events = try SampleEvents(seed: run.seed)
    let bare = BareDisk(in: scratch)
    try bareDisk(run, bare)
    let ledger = try AppendLedger(at: scratch.file("log"), events)
    let seconds = run.isSmoke ? 0.03 : 0.8
    let rounds = run.isSmoke ? 1 : 5
    var rate = 0.0
    for count in [1, 8, 64] {
      rate = try concurrent(run, ledger, bare, appenders: count, seconds, rounds)
    }
    try batched(run, ledger, events: run.isSmoke ? 20_000 : 1_000_000, rounds)
    try ledger.close()
    try sqlite(run, scratch, events, seconds, rounds, rate)
  }

  /// What the disk costs, whoever writes to it.
  private static func bareDisk(_ run: Run, _ bare: BareDisk) throws {
    let count = run.isSmoke ? 20 : 2000
    let bytes = [UInt8](repeating: 0x5D, count: 4096)
    let prepared = try bare.write([Int](repeating: 4096, count: count), from: bytes)
    let appending = try bare.append(count, blocksOf: 4096)
    run.report.state(
      "bare 4 KiB pwrite + fdatasync into zeros, p50 / p99; appending",
      "\(microseconds(prepared.median)) / \(microseconds(prepared.percentile(0.99))); "
        + microseconds(appending.median))
  }

  private static func concurrent(
    _ run: Run, _ ledger: AppendLedger, _ bare: BareDisk, appenders: Int, _ seconds: Double,
    _ rounds: Int
  ) throws -> Double {
    var slices: [AppendSlice] = []
    var bareTimes: [[Double]] = []
    for _ in 0..<rounds {
      let slice = try ledger.run(appenders: appenders, seconds: seconds)
      guard let path = slice.blocks.first?.path else {
        throw BenchmarkError("no block was written in \(seconds) s")
      }
      let bytes = try RealFileSystem().readFile(path)
      bareTimes.append(try bare.write(slice.blocks.map(\.count), from: bytes))
      slices.append(slice)
    }
    let commits = slices.flatMap(\.commits)
    let waits = slices.flatMap(\.waits)
    let disk = slices.flatMap { $0.blocks.map { Double($0.nanoseconds) } }
    let all = bareTimes.flatMap { $0 }
    let ratio = medianRatio(slices.map { $0.commits.median }, bareTimes.map(\.median))
    run.report.compare(
      "commit p50, \(appenders) appenders", microseconds(commits.median),
      to: "bare \(microseconds(all.median))", ratio: ratio,
      appenders == 64 ? .atMost(1.3) : .none)
    run.report.state(
      "  commit p99; its pwrite + fdatasync p50 / p99; bare p99",
      "\(microseconds(commits.percentile(0.99))); \(microseconds(disk.median)) / "
        + "\(microseconds(disk.percentile(0.99))); \(microseconds(all.percentile(0.99)))")
    let rate = slices.map(\.rate).median
    run.report.state(
      "  events; append to durable, seen by the caller, p50 / p99",
      "\(perSecond(rate)); \(microseconds(waits.median)) / "
        + microseconds(waits.percentile(0.99)))
    return rate
  }

  /// One thread appends as fast as it can and waits only when the batch is full.
  private static func batched(
    _ run: Run, _ ledger: AppendLedger, events: Int, _ rounds: Int
  ) throws {
    var rates: [Double] = []
    for _ in 0..<min(rounds, 3) {
      let watch = Stopwatch()
      var last = SequenceNumber.none
      var done = 0
      while done < events {
        if let sequence = try ledger.append(done) {
          last = sequence
          done += 1
          if done % 256 == 0 { ledger.ledger.signal() }
        } else {
          ledger.ledger.signal()
          try ledger.ledger.durability.waitUntilDurable(
            SequenceNumber(last.value - min(last.value, 8000)))
        }
      }
      ledger.ledger.signal()
      try ledger.ledger.durability.waitUntilDurable(last)
      rates.append(Double(events) / watch.seconds)
    }
    run.report.state(
      "durable events when batched", perSecond(rates.median), rates.median, .atLeast(1_000_000))
  }

  private static func sqlite(
    _ run: Run, _ scratch: Scratch, _ events: SampleEvents, _ seconds: Double, _ rounds: Int,
    _ rate: Double
  ) throws {
    let database = try SQLiteRows(at: scratch.file("rows.sqlite"))
    let rates = try (0..<rounds).map { _ in
      try database.insert(events.records, seconds: seconds)
    }
    run.report.compare(
      "durable events, 64 appenders", perSecond(rate),
      to: "SQLite \(SQLiteRows.version) WAL FULL \(perSecond(rates.median))",
      ratio: rate / rates.median, .atLeast(20))
  }
}
