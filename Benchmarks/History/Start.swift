// Opening a ledger with a long history: by folding everything, and behind a checkpoint.
import Base
import Ledger
import Projections

struct Start: Benchmark {
  static let name = "start"
  static let about = "open a long history behind its checkpoint"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    let options = LiveLedgerOptions(directory: history.path)
    let first = Stopwatch()
    let folded = try LiveLedger.open(options)
    let foldSeconds = first.seconds
    let events = Double(folded.opening.folded)
    try folded.close()
    if events > 100_000 {
      run.report.state(
        "open without a checkpoint: fold \(grouped(Int(events))) events, store the read model",
        "\(decimal(foldSeconds, 2)) s, \(perSecond(events / foldSeconds))")
    }
    var seconds: [Double] = []
    for _ in 0..<(run.isSmoke ? 1 : 3) {
      let watch = Stopwatch()
      let live = try LiveLedger.open(options)
      seconds.append(watch.seconds)
      if let complaint = live.opening.complaint { throw BenchmarkError(complaint) }
      try live.close()
    }
    run.report.state(
      "open \(grouped(history.events)) events behind a checkpoint",
      "\(decimal(seconds.median, 3)) s", seconds.median, .atMost(1))
  }
}
