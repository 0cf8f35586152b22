// The gateway with billing on beside nginx proxy_pass, the same upstream behind both: JSON,
// streams, and 2,000 callers of an upstream that takes 50 ms.
import Base
import Projections

struct Proxies: Benchmark {
  static let name = "proxy"
  static let about = "POST /v1/messages with billing on, beside nginx proxy_pass"

  static func run(_ run: Run) throws {
    let scratch = try Scratch(run)
    guard let tools = WebTools(run, scratch, name) else { return }
    let log = try GeneratedLog(
      "data", in: scratch, DaybookServer.history(requests: 50, seed: run.seed))
    try log.write()
    try log.close()
    try json(run, tools, log.path)
    try stream(run, tools, log.path)
    try busy(run, tools, log.path)
  }

  /// Both proxies in front of one upstream; daybook first.
  private static func proxies(
    _ tools: WebTools, _ name: String, _ data: String, upstream: UInt16, buffering: Bool
  ) throws -> [WebTarget] {
    let daybook = try tools.daybook.start(name, data: data, upstream: upstream)
    let nginx = try tools.nginx.start(
      name, workers: 2, locations: Nginx.proxy("/v1/messages", buffering: buffering),
      upstream: upstream)
    return [daybook, nginx].map {
      WebTarget(url: $0.url + "/v1/messages", process: $0.process)
    }
  }

  private static func json(_ run: Run, _ tools: WebTools, _ data: String) throws {
    let upstream = try tools.nginx.start(
      "upstream", workers: 1,
      locations: Nginx.fixed("/v1/messages", type: "application/json", CannedUpstream.json))
    let targets = try proxies(tools, "json", data, upstream: upstream.port, buffering: true)
    let slices = try tools.wrk.compare(
      targets, rounds: run.isSmoke ? 1 : 5, connections: 64, seconds: run.isSmoke ? 1 : 3,
      post: .json)
    report(run, "JSON proxy, 64 connections", slices, .atLeast(0.6))
    memory(run, targets[0], "  RSS after 64 connections", megabytes: 64)
  }

  private static func stream(_ run: Run, _ tools: WebTools, _ data: String) throws {
    let upstream = try CannedUpstream.start(delayMilliseconds: 0)
    let targets = try proxies(tools, "stream", data, upstream: upstream.port, buffering: false)
    let slices = try tools.wrk.compare(
      targets, rounds: run.isSmoke ? 1 : 5, connections: 64, seconds: run.isSmoke ? 1 : 3,
      post: .stream)
    report(run, "SSE proxy, 50 events, 64 connections", slices, .atLeast(0.9))
  }

  private static func busy(_ run: Run, _ tools: WebTools, _ data: String) throws {
    let upstream = try CannedUpstream.start(delayMilliseconds: 50)
    let targets = try proxies(tools, "busy", data, upstream: upstream.port, buffering: true)
    let connections = run.isSmoke ? 100 : 2000
    let slices = try tools.wrk.compare(
      targets, rounds: run.isSmoke ? 1 : 4, connections: connections, seconds: run.isSmoke ? 1 : 5,
      post: .json, pause: 700)
    let what = "upstream of 50 ms, \(grouped(connections)) connections with 0.7 s between requests"
    let errors = Set(slices[0].map(\.wrk.errors).filter { !$0.isEmpty })
    if !errors.isEmpty {
      run.report.skip(what, because: "there were errors: \(errors.joined(separator: "; "))")
    }
    let ours = slices[0].map(\.wrk.p50).median
    let theirs = slices[1].map(\.wrk.p50).median
    let added = zip(slices[0], slices[1]).map { $0.wrk.p50 - $1.wrk.p50 }.median
    run.report.state(
      "\(what): p50 added to nginx's \(decimal(theirs / 1000, 2)) ms",
      "\(decimal(added / 1000, 2)) ms (\(decimal(ours / 1000, 2)) ms)", added / 1000, .atMost(0.5))
    run.report.state(
      "  requests; CPU per request; nginx's",
      "\(perSecond(slices[0].map(\.wrk.perSecond).median)); "
        + "\(decimal(slices[0].map(\.cpu).median, 1)) us; "
        + "\(decimal(slices[1].map(\.cpu).median, 1)) us")
    memory(run, targets[0], "  RSS after \(grouped(connections)) connections", megabytes: 200)
  }

  private static func memory(
    _ run: Run, _ target: WebTarget, _ what: String, megabytes: Double
  ) {
    let resident = Double(target.process.residentBytes) / 1e6
    run.report.state(what, "\(decimal(resident, 1)) MB", resident, .atMost(megabytes))
  }
}
