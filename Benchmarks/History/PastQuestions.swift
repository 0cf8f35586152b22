// Questions to the past of a long history: what everything would have cost with other prices, and
// the state as it stood just before the next snapshot, the farthest from one.
import Base
import Ledger
import Projections

struct PastQuestions: Benchmark {
  static let name = "history"
  static let about = "re-price a long history (dry run); the state at an event in its middle"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    let files = try LedgerFiles.open(RealFileSystem(), at: history.path)
    let last = files.durable
    let snapshots = Snapshots(files)
    // Makes the snapshots on the way.
    let books = try snapshots.books(at: last)
    let distance = Snapshots.distance
    let place = SequenceNumber(min(last.value, (last.value / 2 / distance + 1) * distance - 1))
    var requests = 0
    let rounds = try interleave(
      rounds: run.isSmoke ? 1 : 3,
      [
        {
          let watch = Stopwatch()
          let dry = try Repricing(
            files, books, through: last, with: PriceBook.builtIn, RepricingFilter())
          requests = Int(dry.requests)
          return watch.seconds
        },
        {
          let watch = Stopwatch()
          var folded = Books()
          try folded.fold(files, through: last)
          return watch.seconds
        },
        {
          let watch = Stopwatch()
          let then = try snapshots.books(at: place)
          guard then.lastSequence == place else {
            throw BenchmarkError("the state of another event")
          }
          return watch.seconds
        },
      ])
    let ten = rounds[0].median / Double(requests) * 10_000_000
    run.report.compare(
      "re-pricing of \(grouped(requests)) charges, dry run", "\(decimal(rounds[0].median, 2)) s",
      to: "fold of the same log \(decimal(rounds[1].median, 2)) s",
      ratio: medianRatio(rounds[0], rounds[1]), .none)
    run.report.state("  of 10 M charges", "\(decimal(ten, 2)) s", ten, .atMost(3))
    run.report.state(
      "state after event \(grouped(Int(place.value)))", "\(decimal(rounds[2].median, 2)) s",
      rounds[2].median, .atMost(1))
  }
}
