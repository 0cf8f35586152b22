// Durable appends by 1, 8 and 64 callers at a time, in turn with the bare disk writing the same
// blocks and PostgreSQL with as many clients; the rate when nobody waits for each event, in turn
// with SQLite's and PostgreSQL's ways to load many rows at once.
import Base
import Ledger

struct DurableAppend: Benchmark {
  static let name = "append"
  static let about = "durable appends, beside the bare disk, SQLite and PostgreSQL"

  private let run: Run
  private let scratch: Scratch
  private let events: SampleEvents
  private let bare: BareDisk
  private let ledger: AppendLedger
  private let sqlite: SQLiteRows
  /// Nil where there is no PostgreSQL.
  private let postgres: UsageRows?
  private var seconds: Double { run.isSmoke ? 0.03 : 1 }
  private var rounds: Int { run.isSmoke ? 1 : 5 }

  static func run(_ run: Run) throws {
    let benchmark = try DurableAppend(run)
    try benchmark.measureBareDisk()
    for count in [1, 8, 64] { try benchmark.measure(appenders: count) }
    try benchmark.measureBatched()
    benchmark.postgres?.stop()
    try benchmark.ledger.close()
  }

  private init(_ run: Run) throws {
    self.run = run
    scratch = try Scratch(run)
    events = try SampleEvents(seed: run.seed)
    bare = BareDisk(in: scratch)
    ledger = try AppendLedger(at: scratch.file("log"), events)
    sqlite = try SQLiteRows(at: scratch.file("rows.sqlite"))
    if let obstacle = PostgresCluster.obstacle {
      run.report.skip("PostgreSQL beside append", because: obstacle)
      postgres = nil
    } else {
      postgres = try UsageRows(in: scratch, events, isSmoke: run.isSmoke)
    }
  }

  /// What the disk costs, whoever writes to it.
  private func measureBareDisk() throws {
    let count = run.isSmoke ? 20 : 2000
    let bytes = [UInt8](repeating: 0x5D, count: 4096)
    let prepared = try bare.write([Int](repeating: 4096, count: count), from: bytes)
    let appending = try bare.append(count, blocksOf: 4096)
    run.report.state(
      "bare 4 KiB pwrite + fdatasync into zeros, p50 / p99; appending",
      "\(microseconds(prepared.median)) / \(microseconds(prepared.percentile(0.99))); "
        + microseconds(appending.median))
  }

  // MARK: - Everybody waits for his own event

  /// One round: the ledger, the disk with the ledger's blocks, the databases.
  private struct Round {
    var slice: AppendSlice
    var bare: [Double]
    var sqlite: (rate: Double, times: [Double])
    var postgres: PostgresCluster.Slice?
  }

  private func measure(appenders: Int) throws {
    let all = try (0..<rounds).map { _ in
      let slice = try ledger.run(appenders: appenders, seconds: seconds)
      guard let path = slice.blocks.first?.path else {
        throw BenchmarkError("no block was written in \(seconds) s")
      }
      let bytes = try RealFileSystem().readFile(path)
      return Round(
        slice: slice, bare: try bare.write(slice.blocks.map(\.count), from: bytes),
        sqlite: try sqlite.insert(events.records, seconds: seconds),
        postgres: try postgres?.insert(clients: appenders, isSmoke: run.isSmoke))
    }
    reportCommits(all, appenders)
    reportRates(all, appenders)
  }

  private func reportCommits(_ all: [Round], _ appenders: Int) {
    let commits = all.flatMap(\.slice.commits)
    let disk = all.flatMap { $0.slice.blocks.map { Double($0.nanoseconds) } }
    let bare = all.flatMap(\.bare)
    let ratio = medianRatio(all.map { $0.slice.commits.median }, all.map { $0.bare.median })
    run.report.compare(
      "commit p50, \(appenders) appenders", microseconds(commits.median),
      to: "bare \(microseconds(bare.median))", ratio: ratio,
      appenders == 64 ? .atMost(1.3) : .none)
    run.report.state(
      "  commit p99; its pwrite + fdatasync p50 / p99; bare p99",
      "\(microseconds(commits.percentile(0.99))); \(microseconds(disk.median)) / "
        + "\(microseconds(disk.percentile(0.99))); \(microseconds(bare.percentile(0.99)))")
    let waits = all.flatMap(\.slice.waits)
    run.report.state(
      "  append to durable, seen by the caller, p50 / p99",
      "\(microseconds(waits.median)) / \(microseconds(waits.percentile(0.99)))")
  }

  private func reportRates(_ all: [Round], _ appenders: Int) {
    let rates = all.map(\.slice.rate)
    let what = "durable events, \(appenders) appenders"
    let rows = all.map(\.sqlite)
    run.report.compare(
      what, perSecond(rates.median),
      to: "SQLite \(SQLiteRows.version) WAL FULL, a row a transaction "
        + perSecond(rows.map(\.rate).median),
      ratio: medianRatio(rates, rows.map(\.rate)), appenders == 64 ? .atLeast(20) : .none)
    if appenders == 1 {
      let times = rows.flatMap(\.times)
      run.report.state(
        "  SQLite's transaction p50 / p99",
        "\(microseconds(times.median)) / \(microseconds(times.percentile(0.99)))")
    }
    let slices = all.compactMap(\.postgres)
    guard let postgres, !slices.isEmpty else { return }
    run.report.compare(
      what, perSecond(rates.median),
      to: "PostgreSQL \(postgres.version), prepared INSERT, \(appenders) clients "
        + perSecond(slices.map(\.rate).median),
      ratio: medianRatio(rates, slices.map(\.rate)), .none)
    let times = slices.flatMap(\.times)
    run.report.state(
      "  PostgreSQL's transaction p50 / p99",
      "\(microseconds(times.median)) / \(microseconds(times.percentile(0.99)))")
  }

  // MARK: - Many at once

  private func measureBatched() throws {
    let count = run.isSmoke ? 20_000 : 1_000_000
    let results = try interleave(
      rounds: rounds,
      [
        { try appendBatched(count) },
        { try sqlite.insert(events.records, batch: 10_000, seconds: seconds).rate },
        { try postgres?.copy() ?? 0 },
      ])
    let rates = results[0]
    run.report.state(
      "durable events when batched", perSecond(rates.median), rates.median, .atLeast(1_000_000))
    run.report.compare(
      "  the same", perSecond(rates.median),
      to: "SQLite, 10,000 rows a transaction \(perSecond(results[1].median))",
      ratio: medianRatio(rates, results[1]), .none)
    if postgres != nil {
      run.report.compare(
        "  the same", perSecond(rates.median),
        to: "PostgreSQL, COPY \(perSecond(results[2].median))",
        ratio: medianRatio(rates, results[2]), .none)
    }
  }

  /// One thread appends as fast as it can and waits only when the batch is full.
  /// - Returns: events per second.
  private func appendBatched(_ events: Int) throws -> Double {
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
    return Double(events) / watch.seconds
  }
}
