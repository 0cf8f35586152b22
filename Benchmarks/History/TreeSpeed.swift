// The Merkle tree: events hashed a second, `verify` of a long history with and without it, and
// durable appends with the tree built beside them and without.
import Base
import Glibc
import Ledger
import Projections
import Synchronization

struct TreeSpeed: Benchmark {
  static let name = "tree"
  static let about = "the Merkle tree: hashing, verify, and appends with it beside them"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    try measureHashing(history.path, run)
    try measureVerify(history.path, run)
    try measureAppends(run)
  }

  /// Processor seconds of this process so far.
  private static func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  private static func measureHashing(_ path: String, _ run: Run) throws {
    let builder = TreeBuilder(try LedgerFiles.open(RealFileSystem(), at: path))
    let start = processorSeconds()
    while builder.step(signsNow: true) {}
    let rate = Double(builder.status.size) / (processorSeconds() - start)
    guard builder.status.problem == nil else {
      throw BenchmarkError(builder.status.problem ?? "")
    }
    run.report.state("events hashed into the tree, per core", perSecond(rate))
  }

  private static func measureVerify(_ path: String, _ run: Run) throws {
    func verify(hashesTree: Bool) throws -> Double {
      var request = VerificationRequest.ofEvents
      request.hashesTree = hashesTree
      request.threads = 1
      let start = processorSeconds()
      let found = try Verification.run(RealFileSystem(), at: path, request)
      guard found.damages.isEmpty else { throw BenchmarkError("\(found.damages)") }
      return Double(found.records) / (processorSeconds() - start)
    }
    let rounds = try interleave(
      rounds: run.isSmoke ? 1 : 3,
      [{ 1 / (try verify(hashesTree: true)) }, { 1 / (try verify(hashesTree: false)) }])
    let rate = 1 / rounds[0].median
    run.report.state("verify, per core", perSecond(rate), rate, .atLeast(1_500_000))
    run.report.state("  without the tree", perSecond(1 / rounds[1].median))
  }

  /// One appender and its writer leave a core free; 64 do not.
  private static func measureAppends(_ run: Run) throws {
    let scratch = try Scratch(run)
    let ledger = try AppendLedger(at: scratch.file("appends"), try SampleEvents(seed: run.seed))
    defer { try? ledger.close() }
    let builder = TreeBuilder(ledger.ledger.files)
    let isBuilding = Atomic(false)
    let isOver = Atomic(false)
    let thread = try SystemThread.start(name: "tree keeper") {
      let bell = Doorbell()
      let clock = SystemMonotonicClock()
      while !isOver.load(ordering: .relaxed) {
        if isBuilding.load(ordering: .relaxed), builder.step() { continue }
        bell.wait(until: clock.now.advanced(milliseconds: 100))
      }
    }
    defer {
      isOver.store(true, ordering: .relaxed)
      thread.join()
    }
    for appenders in run.isSmoke ? [1] : [1, 64] {
      func slice(_ building: Bool) throws -> Double {
        // The tree is up to the log before it is measured: it builds what comes, no backlog.
        while builder.step() {}
        isBuilding.store(building, ordering: .relaxed)
        defer { isBuilding.store(false, ordering: .relaxed) }
        return 1 / (try ledger.run(appenders: appenders, seconds: run.isSmoke ? 0.05 : 1.5)).rate
      }
      let rounds = try interleave(
        rounds: run.isSmoke ? 1 : 7, [{ try slice(true) }, { try slice(false) }])
      run.report.compare(
        "durable appends with the tree, \(appenders) at a time", perSecond(1 / rounds[0].median),
        to: "without \(perSecond(1 / rounds[1].median))",
        ratio: medianRatio(rounds[1], rounds[0]), appenders == 1 ? .atLeast(0.95) : .none)
    }
  }
}
