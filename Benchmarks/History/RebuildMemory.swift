// `daybook rebuild` of the long history: its greatest RSS beside that of a process which holds the
// final state alone, and its speed beside `lz4 -dc` of the same segments.
import Base
import Glibc
import Ledger
import Projections

struct RebuildMemory: Benchmark {
  static let name = "rebuild"
  static let about = "daybook rebuild of a long history: memory beside the final state's, speed"

  /// The argument that makes this program open a ledger, say its RSS and end.
  static let command = "--hold-state"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    guard let daybook = Tools.daybook() else {
      return run.report.skip(
        name, because: "there is no daybook binary beside this program: make build")
    }
    // Behind a checkpoint: neither side is to fold at its start.
    let live = try LiveLedger.open(LiveLedgerOptions(directory: history.path))
    let events = Double(live.durable.value)
    try live.close()
    let state = try residentBytesOfState(history.path)
    let paths = try Scratch.segments(of: history.path)
    let lz4 = Tools.find("lz4")
    if lz4 == nil { run.report.skip("lz4 -dc beside a rebuild", because: "lz4 is not installed") }
    var peaks: [Int] = []
    let rounds = try interleave(
      rounds: run.isSmoke ? 1 : 3,
      [
        {
          let watch = Stopwatch()
          let child = try ChildProcess([daybook, "rebuild", "--data", history.path])
          var peak = 0
          let output = try child.finish(seconds: 7200, pollMilliseconds: 5) {
            peak = max(peak, child.peakResidentBytes)
          }
          guard peak > 0 else { throw BenchmarkError("the rebuild's RSS was not seen: \(output)") }
          peaks.append(peak)
          return watch.seconds
        },
        {
          guard let lz4 else { return .nan }
          let watch = Stopwatch()
          _ = try ChildProcess(
            ["/bin/sh", "-c", "for f; do \(lz4) -dcq \"$f\"; done > /dev/null", "sh"] + paths
          ).finish(seconds: 3600)
          return watch.seconds
        },
      ])
    let peak = peaks.max() ?? 0
    let bound = 1.5 * Double(state) + Double(256 << 20)
    run.report.compare(
      "RSS of a rebuild of \(grouped(Int(events))) events, at its highest", megabytes(peak),
      to: "1.5 x final state \(megabytes(state)) + 256 MB", ratio: Double(peak) / bound, .atMost(1))
    let rate = events / rounds[0].median
    if lz4 == nil {
      run.report.state("  events", perSecond(rate))
    } else {
      run.report.compare(
        "  events, folded, stored and compared", perSecond(rate),
        to: "lz4 -dc \(perSecond(events / rounds[1].median))",
        ratio: medianRatio(rounds[1], rounds[0]), .none)
    }
  }

  private static func megabytes(_ bytes: Int) -> String {
    "\(decimal(Double(bytes) / Double(1 << 20), 1)) MB"
  }

  /// RSS of a process of its own that has loaded the state from its checkpoint.
  private static func residentBytesOfState(_ path: String) throws -> Int {
    let child = try ChildProcess([Tools.myself, command, path])
    let text = try child.wait(for: "resident bytes ", seconds: 600)
    guard let bytes = Int(text), bytes > 0 else { throw BenchmarkError("not a size: \(text)") }
    _ = try child.finish()
    return bytes
  }

  /// What `command` does.
  static func holdState(_ arguments: [String]) throws {
    guard arguments.count == 1 else { throw BenchmarkError("\(command) DATA") }
    let live = try LiveLedger.open(LiveLedgerOptions(directory: arguments[0]))
    if let complaint = live.opening.complaint { throw BenchmarkError(complaint) }
    guard live.opening.folded < 10_000 else {
      throw BenchmarkError("\(live.opening.folded) events were folded, not loaded")
    }
    print("resident bytes \(ProcessMemory.of(getpid(), "VmRSS:"))")
    fflush(nil)
    try live.close()
  }
}
