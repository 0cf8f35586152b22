// GET /v1/usage beside nginx answering with the same bytes, with a short history and a long one.
import Base
import Projections

struct UsageEndpoint: Benchmark {
  static let name = "usage"
  static let about = "GET /v1/usage, 64 connections, beside nginx return 200 of the same body"

  static func run(_ run: Run) throws {
    let scratch = try Scratch(run)
    guard let tools = WebTools(run, scratch, name) else { return }
    let short = try GeneratedLog(
      "short", in: scratch, DaybookServer.history(requests: 400, seed: run.seed))
    try short.write()
    try short.close()
    try measure(run, tools, "short", data: short.path, events: short.counts.events)
    let long = try run.longHistory()
    try measure(run, tools, "long", data: long.path, events: long.events)
    try compare(run, tools, short: short, long: long.log)
  }

  /// Both histories served at once and asked in turn, one request at a time.
  private static func compare(
    _ run: Run, _ tools: WebTools, short: GeneratedLog, long: GeneratedLog
  ) throws {
    let targets = try [("short-alone", short), ("long-alone", long)].map { name, log in
      let server = try tools.daybook.start(name, data: log.path, upstream: 9)
      return WebTarget(url: server.url + "/v1/usage", process: server.process)
    }
    let slices = try tools.wrk.compare(
      targets, rounds: run.isSmoke ? 1 : 9, connections: 1, seconds: 1, post: nil)
    let errors = slices.flatMap { $0 }.map(\.wrk.errors).filter { !$0.isEmpty }
    guard errors.isEmpty else { throw BenchmarkError("wrk: \(errors[0])") }
    let times = slices.map { $0.map(\.wrk.p50) }
    run.report.compare(
      "GET /v1/usage, p50, \(grouped(long.counts.events)) events of history",
      "\(decimal(times[1].median, 0)) us",
      to: "with \(grouped(short.counts.events)) events \(decimal(times[0].median, 0)) us",
      ratio: medianRatio(times[1], times[0]), .atMost(1.1))
    run.report.state(
      "  p99, CPU per request; the short history's",
      slices.reversed().map { slices in
        "\(decimal(slices.map(\.wrk.p99).median, 0)) us, "
          + "\(decimal(slices.map(\.cpu).median, 1)) us"
      }.joined(separator: "; "))
  }

  private static func measure(
    _ run: Run, _ tools: WebTools, _ name: String, data: String, events: Int
  ) throws {
    let daybook = try tools.daybook.start(name, data: data, upstream: 9)
    let target = WebTarget(url: daybook.url + "/v1/usage", process: daybook.process)
    let body = try fetch(target.url)
    let nginx = try tools.nginx.start(
      "usage-\(name)", workers: 2,
      locations: Nginx.fixed("/v1/usage", type: "application/json", body))
    let slices = try tools.wrk.compare(
      [target, WebTarget(url: nginx.url + "/v1/usage", process: nginx.process)],
      rounds: run.isSmoke ? 1 : 5, connections: 64, seconds: run.isSmoke ? 1 : 2, post: nil)
    report(
      run, "GET /v1/usage, \(grouped(events)) events of history", slices, .atLeast(1))
    if !run.isSmoke {
      run.report.note("usage: \(body.utf8.count) bytes of body")
    }
  }

  /// The body that our key gets.
  private static func fetch(_ url: String) throws -> String {
    guard let curl = Tools.find("curl") else { throw BenchmarkError("curl is not installed") }
    let child = try ChildProcess([curl, "-sS", "-f", "-H", "x-api-key: \(Wrk.key)", url])
    return try child.finish(seconds: 20)
  }
}

/// Two rows: rate against the rival's, latency and processor time.
func report(_ run: Run, _ what: String, _ slices: [[WebSlice]], _ target: Target) {
  let ours = slices[0].map(\.wrk.perSecond)
  let theirs = slices[1].map(\.wrk.perSecond)
  let errors = Set(slices[0].map(\.wrk.errors).filter { !$0.isEmpty })
  guard errors.isEmpty else {
    return run.report.skip(what, because: "there were errors: \(errors.joined(separator: "; "))")
  }
  run.report.compare(
    what, perSecond(ours.median), to: "nginx \(perSecond(theirs.median))",
    ratio: medianRatio(ours, theirs), target)
  func line(_ slices: [WebSlice]) -> String {
    "\(decimal(slices.map(\.wrk.p50).median, 0)) / \(decimal(slices.map(\.wrk.p99).median, 0)) us, "
      + "\(decimal(slices.map(\.cpu).median, 1)) us"
  }
  run.report.state(
    "  p50 / p99, CPU per request; nginx's", "\(line(slices[0])); \(line(slices[1]))")
}
