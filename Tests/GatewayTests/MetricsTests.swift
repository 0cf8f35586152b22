// GET /metrics: the text is what Prometheus reads, the values are what happened, and the table in
// docs/operations.md names every metric.
import Base
import Foundation
import Ledger
import Projections
import Sandbox
import TestSupport
import Testing

@testable import Gateway

/// A page, taken apart strictly (Prometheus, "Exposition formats", text format 0.0.4).
private struct ParsedPage {
  private(set) var types: [String: String] = [:]
  private(set) var helps: [String: String] = [:]
  /// By name and labels as they stand.
  private(set) var samples: [String: String] = [:]
  private(set) var problems: [String] = []

  init(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if !text.hasSuffix("\n") { problems.append("no end of line at the end") }
    var current = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if let match = line.wholeMatch(of: /# HELP ([a-z_0-9]+) (.+)/) {
        current = String(match.1)
        if helps.updateValue(String(match.2), forKey: current) != nil { note("second", line) }
      } else if let match = line.wholeMatch(of: /# TYPE ([a-z_0-9]+) (counter|gauge|histogram)/) {
        if match.1 != current { note("TYPE without its HELP", line) }
        types[current] = String(match.2)
        if match.2 == "counter", !current.hasSuffix("_total") { note("no _total", line) }
      } else {
        sample(line, of: current)
      }
    }
  }

  private mutating func sample(_ line: Substring, of family: String) {
    let pattern =
      /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.]+|\+Inf)/
    guard let match = line.wholeMatch(of: pattern) else { return note("no sample", line) }
    let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    if !suffixes.contains(where: { family + $0 == match.1 }) { note("not of \(family)", line) }
    let name = "\(match.1)\(match.2 ?? "")"
    if samples.updateValue(String(match.3), forKey: name) != nil { note("twice", line) }
    if Double(match.3) == nil && match.3 != "+Inf" { note("no number", line) }
  }

  private mutating func note(_ what: String, _ line: Substring) {
    problems.append("\(what): \(line)")
  }
  subscript(_ name: String) -> String? { samples["daybook_\(name)"] }
}

extension GatewayBed {
  fileprivate var metrics: ParsedPage {
    ParsedPage(MetricsHandler(gateway: server.gateway, reactors: reactors).page)
  }
  /// The page once `name` has the value; what it is after 30 s otherwise.
  fileprivate func metrics(
    once name: String, is value: String
  ) async throws -> ParsedPage {
    let end = ContinuousClock.now.advanced(by: .seconds(30))
    while metrics[name] != value, ContinuousClock.now < end { _ = try await ask("GET", "/healthz") }
    return metrics
  }
}

@Suite struct MetricsTests {
  @Test func `the page is text that Prometheus reads`() async throws {
    let bed = try GatewayBed { $0.accounts[0].name = #"a "quoted\" name"# }
    for model in ["claude-sonnet-5-5", "sandbox-500", "sandbox-400"] {
      _ = try await bed.ask(body: GatewayBed.body(model: model, stream: true))
    }
    _ = try await bed.metrics(
      once: #"requests_total{route="messages",status="400",platform="anthropic"}"#, is: "1")
    let page = bed.metrics
    #expect(page.problems.isEmpty, "\(page.problems)")
    #expect(page.types.count == page.helps.count && page.types.count > 40)
  }

  @Test func `what happened is what the page says`() async throws {
    var failing = SandboxOptions()
    try failing.setFailures("529:1")
    let bed = try GatewayBed([failing, SandboxOptions()])
    _ = try await bed.ask(body: GatewayBed.body())
    _ = try await bed.ask(body: GatewayBed.body(stream: true))
    _ = try await bed.ask(body: GatewayBed.body(model: "sandbox-cut-inside", stream: true))
    _ = try await bed.ask(body: GatewayBed.body(model: "sandbox-400"))
    _ = try await bed.ask(headers: "x-api-key: sk-other")
    _ = try await bed.ask("GET", "/v1/usage")
    _ = try await bed.ask("GET", "/nowhere")
    let page = try await bed.metrics(
      once: #"requests_total{route="other",status="404",platform="none"}"#, is: "1")
    let settled = try bed.events(ForwardSettled.self).map(\.settlement)
    let expected: [(name: String, value: Int64)] = [
      (#"requests_total{route="messages",status="200",platform="anthropic"}"#, 3),
      (#"requests_total{route="messages",status="400",platform="anthropic"}"#, 1),
      (#"requests_total{route="messages",status="401",platform="none"}"#, 1),
      (#"requests_total{route="usage",status="200",platform="anthropic"}"#, 1),
      (#"requests_rejected_total{reason="key_unknown"}"#, 1),
      (#"requests_rejected_total{reason="not_found"}"#, 1),
      (#"requests_unsettled_total{reason="passed_through"}"#, 1),
      (#"attempts_failed_total{platform="anthropic",class="status"}"#, 1),
      (#"failovers_total{platform="anthropic"}"#, 1),
      (#"failovers_exhausted_total{platform="anthropic"}"#, 0), ("fallbacks_total", 0),
      (#"settlements_total{platform="anthropic"}"#, 3),
      (#"settlements_partial_total{reason="upstream_cut"}"#, 1),
      ("settlements_unpriced_total", Int64(settled.count { $0.isUnpriced })),
      (
        #"tokens_total{platform="anthropic",class="output"}"#,
        settled.reduce(0) { $0 + $1.usage.output }
      ),
      (#"request_duration_seconds_count{route="messages"}"#, 5),
      (#"first_token_seconds_count{platform="anthropic"}"#, 2),
      (#"account_state{account="account-0",platform="anthropic",state="cooling_down"}"#, 1),
      (#"account_state{account="account-0",platform="anthropic",state="ready"}"#, 0),
      (#"account_state{account="account-1",platform="anthropic",state="ready"}"#, 1),
      (#"account_slots{account="account-1"}"#, 100),
      (#"account_running{account="account-1"}"#, 0),
      (#"requests_waiting{queue="user"}"#, 0), ("open_requests", 0), ("open_holds_usd", 0),
      ("drains_running", 0), ("ledger_ready", 1), ("log_lines_dropped_total", 0),
    ]
    #expect(settled.count == 3)
    for (name, value) in expected { #expect(page[name] == "\(value)", "\(name)") }
    let charged = settled.reduce(Int64(0)) { $0 + $1.charged.value }
    #expect(page["charged_usd_total"] == DecimalText.text(Int128(charged), scale: 9))
  }

  @Test func `a request that no account could answer is counted once`() async throws {
    var failing = SandboxOptions()
    try failing.setFailures("529:1")
    let bed = try GatewayBed([failing, failing])
    _ = try await bed.ask(body: GatewayBed.body())
    let page = try await bed.metrics(
      once: #"requests_unsettled_total{reason="upstream"}"#, is: "1")
    #expect(page[#"failovers_exhausted_total{platform="anthropic"}"#] == "1")
    #expect(page[#"failovers_total{platform="anthropic"}"#] == "1")
    #expect(page[#"attempts_failed_total{platform="anthropic",class="status"}"#] == "2")
  }

  @Test func `buckets grow, and the last holds everything`() {
    let family = HistogramFamily(
      "h_seconds", "Help.", bounds: [1_000_000, 10_000_000], label: "l", ["a", "b"])
    for milliseconds: Int64 in [0, 1, 2, 10, 11, 1000] {
      family.record(milliseconds * 1_000_000, 1)
    }
    family.record(Int64.max, 7)
    var written = MetricsPage()
    family.write(to: &written)
    let page = ParsedPage(written.bytes)
    #expect(page.problems.isEmpty, "\(page.problems)")
    #expect(page[#"h_seconds_bucket{l="b",le="0.001"}"#] == "2")
    #expect(page[#"h_seconds_bucket{l="b",le="0.01"}"#] == "4")
    #expect(page[#"h_seconds_bucket{l="b",le="+Inf"}"#] == "7")
    #expect(page[#"h_seconds_count{l="b"}"#] == "7" && page[#"h_seconds_count{l="a"}"#] == nil)
  }

  @Test func `an index beyond its label counts as the last`() {
    let family = CounterFamily(
      "c_total", "Help.", .init("a", ["x", "y"]), .init("b", ["1", "2", "other"]))
    family.add(2, 1, 0)
    family.add(3, -1, 99)
    var written = MetricsPage()
    family.write(to: &written)
    let page = ParsedPage(written.bytes)
    #expect(page[#"c_total{a="y",b="1"}"#] == "2" && page[#"c_total{a="y",b="other"}"#] == "3")
    #expect(page[#"c_total{a="x",b="1"}"#] == "0" && family.total == 5)
  }

  @Test func `the process is described as it is`() throws {
    let facts = ProcessFacts()
    #expect(facts.residentBytes > 1 << 20 && facts.virtualBytes > facts.residentBytes)
    #expect(facts.openDescriptors > 2 && facts.mostDescriptors >= facts.openDescriptors)
    #expect(facts.threads >= 1 && facts.cpuMicroseconds > 0)
    let now = SystemWallClock().now().microseconds
    #expect(facts.startMicroseconds > 0 && facts.startMicroseconds <= now + 2_000_000)
  }

  @Test func `the page on operations names every metric, and no other`() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let section = try #require(text.components(separatedBy: "\n## Metrics\n").last)
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let named = rows.flatMap { row in
      row.split(separator: "|")[0].matches(of: /`([a-z_0-9]+)(?:\{[a-z,]+\})?`/)
        .map { String($0.1) }
    }
    let known = try GatewayBed().metrics.types.keys.map { name in
      name.hasPrefix(MetricsPage.prefix) ? String(name.dropFirst(MetricsPage.prefix.count)) : name
    }
    #expect(Set(named).count == named.count)
    #expect(Set(named) == Set(known), "\(Set(named).symmetricDifference(known).sorted())")
  }
}
