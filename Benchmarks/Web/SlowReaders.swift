// Callers that stop reading a long stream: what the server keeps for each while nothing moves, and
// whether all of them get the rest when they read on.
import Base
import Glibc

struct SlowReaders: Benchmark {
  static let name = "slow-readers"
  static let about = "memory per caller that does not read its stream, and the rest of it after"

  /// About 1 KB of text in each event, so that reading all of it is quick.
  private static let textBytes = 1000

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
    let streams = run.isSmoke ? 10 : 200
    let upstream = try CannedUpstream.start(
      delayMilliseconds: 0, deltas: run.isSmoke ? 2000 : 16_000, textBytes: textBytes)
    let server = try DaybookServer(binary: binary, scratch: scratch)
      .start("slow", data: log.path, upstream: upstream.port)
    let port = try server.port
    let load = StreamLoad(streams: streams, events: 0, intervalMilliseconds: 0)

    // What as many streams leave behind when their callers do read is no cost of stalling.
    let quick = try StreamReaders(min(streams, 16), to: port, body: load.body)
    try quick.readAll(seconds: 120)
    let idle = server.process.residentBytes
    let slow = try StreamReaders(streams, to: port, receiveBytes: 4096, body: load.body)
    try waitUntilStill(server.process)
    let each = Double(server.process.residentBytes - idle) / Double(streams)
    try slow.readAll(seconds: 300)
    let expected = quick.outcomes[0].events
    let broken = slow.outcomes.filter { !$0.isWhole || $0.events != expected }
    guard broken.isEmpty else {
      let problem = broken.compactMap(\.problem).first ?? "\(broken[0].events) events came"
      return run.report.skip(name, because: "\(broken.count) streams are not whole: \(problem)")
    }
    run.report.state(
      "memory per stream whose caller does not read (\(grouped(streams)) streams)",
      "\(decimal(each / 1e6, 2)) MB", each / 1e6, .atMost(1))
    run.report.state(
      "  all read on: events each; RSS idle, after",
      "\(grouped(expected)); \(decimal(Double(idle) / 1e6, 0)), "
        + "\(decimal(Double(server.process.residentBytes) / 1e6, 0)) MB")
  }

  /// Waits until a server does nothing any more: every buffer on the way is full.
  private static func waitUntilStill(_ process: ChildProcess) throws {
    var before = -1.0
    for _ in 0..<120 {
      let now = process.cpuMicroseconds
      if now == before { return }
      before = now
      usleep(500_000)
    }
    throw BenchmarkError("the server does not come to rest beside callers that do not read")
  }
}
