// 2,000 streams at once of a sandbox that sends an event every 100 ms: whether any of them stalls,
// what they cost, and whether each is settled as the sandbox recorded it.
import Base

struct Streams: Benchmark {
  static let name = "streams"
  static let about = "2,000 open streams, an event every 100 ms on each, all settled"

  static func run(_ run: Run) throws {
    guard let binary = Tools.daybook() else {
      return run.report.skip(
        name, because: "there is no daybook binary beside this program: make build")
    }
    let scratch = try Scratch(run)
    let log = try GeneratedLog(
      "data", in: scratch, DaybookServer.history(requests: 50, seed: run.seed))
    try log.write()
    try log.close()
    let load = StreamLoad(
      streams: run.isSmoke ? 50 : 2000, events: run.isSmoke ? 10 : 220,
      intervalMilliseconds: run.isSmoke ? 20 : 100)
    let direct = try withSandbox(binary, scratch, load, "direct", run.seed) { port, _ in
      try measure(load, port: port, process: nil)
    }
    try withSandbox(binary, scratch, load, "behind", run.seed) { port, record in
      let server = try DaybookServer(binary: binary, scratch: scratch)
        .start("streams", data: log.path, upstream: port)
      let figures = try measure(load, port: try server.port, process: server.process)
      server.process.stop()
      report(run, load, figures, direct)
      try audit(run, load, log.path, record)
    }
  }

  private static func withSandbox<Value>(
    _ binary: String, _ scratch: Scratch, _ load: StreamLoad, _ name: String, _ seed: UInt64,
    _ body: (UInt16, String) throws -> Value
  ) throws -> Value {
    let record = scratch.file("\(name).jsonl")
    let process = try ChildProcess([
      binary, "sandbox", "--listen", "127.0.0.1:0", "--events", "\(load.events)",
      "--interval-ms", "\(load.intervalMilliseconds)", "--record", record, "--seed", "\(seed)",
    ])
    let url = try process.wait(for: "listening on ", seconds: 20)
    return try body(try WebTarget(url: url, process: process).port, record)
  }

  private static func measure(
    _ load: StreamLoad, port: UInt16, process: ChildProcess?
  ) throws -> StreamFigures {
    var figures = StreamFigures()
    let before = process?.cpuMicroseconds ?? 0
    let readers = try StreamReaders(load.streams, to: port, body: load.body)
    try readers.readAll(seconds: load.greatestSeconds) {
      figures.residentBytes = max(figures.residentBytes, process?.residentBytes ?? 0)
    }
    figures.microseconds = (process?.cpuMicroseconds ?? 0) - before
    figures.outcomes = readers.outcomes
    return figures
  }

  private static func report(
    _ run: Run, _ load: StreamLoad, _ figures: StreamFigures, _ direct: StreamFigures
  ) {
    let what = "\(grouped(load.streams)) streams"
    let broken = figures.outcomes.filter { !$0.isWhole || $0.events != direct.events.max() }
    guard broken.isEmpty else {
      let problem = broken.compactMap(\.problem).first ?? "\(broken[0].events) events came"
      return run.report.skip(what, because: "\(broken.count) are not whole: \(problem)")
    }
    run.report.state(
      "\(what): longest silence of any; p99 of them; without the gateway",
      "\(milliseconds(figures.gaps.max() ?? 0)); \(milliseconds(figures.gaps.percentile(0.99))); "
        + "\(milliseconds(direct.gaps.max() ?? 0))",
      Double(figures.gaps.max() ?? 0) / 1e9, .atMost(1))
    let resident = Double(figures.residentBytes) / 1e6
    run.report.state("  RSS", "\(decimal(resident, 1)) MB", resident, .atMost(400))
    let events = figures.events.reduce(0, +)
    run.report.state(
      "  CPU per event, of \(grouped(events))",
      "\(decimal(figures.microseconds / Double(events), 2)) us")
  }

  private static func audit(
    _ run: Run, _ load: StreamLoad, _ data: String, _ record: String
  ) throws {
    let audit = try LedgerAudit(ledger: data, record: record)
    for problem in audit.problems { run.report.note("streams: \(problem)") }
    let isRight = audit.problems.isEmpty && audit.settlements == load.streams
    run.report.state(
      "  settled as the sandbox recorded; charged",
      "\(grouped(audit.settlements)); $\(decimal(Double(audit.charged.value) / 1e9, 2))",
      isRight ? 1 : 0, .atLeast(1))
  }
}

/// What the callers ask for.
struct StreamLoad {
  let streams: Int
  /// Pieces of text in an answer.
  let events: Int
  let intervalMilliseconds: Int

  /// An answer takes its pieces' pauses; far longer means that it hangs.
  var greatestSeconds: Int { events * intervalMilliseconds / 1000 * 2 + 30 }

  /// Each caller asks something else, so that no two are billed alike by chance.
  func body(_ index: Int) -> String {
    let text = "Question \(index): " + String(repeating: "what is a daybook? ", count: index % 90)
    return #"{"model":"claude-sonnet-5-5","max_tokens":4096,"stream":true,"#
      + #""messages":[{"role":"user","content":"\#(text)"}]}"#
  }
}

struct StreamFigures {
  var outcomes: [StreamOutcome] = []
  /// The most that was seen.
  var residentBytes = 0
  /// Of the server's processor time.
  var microseconds = 0.0

  var gaps: [Int64] { outcomes.map(\.longestGap) }
  var events: [Int] { outcomes.map(\.events) }
}

private func milliseconds(_ nanoseconds: Int64) -> String {
  decimal(Double(nanoseconds) / 1e6, 0) + " ms"
}
