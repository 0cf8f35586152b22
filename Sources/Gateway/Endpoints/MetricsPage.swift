// GET /metrics in Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). On its own listener, on loopback
// unless configured otherwise, and beside /admin for whoever has the administration token.
import Base
import HTTP
import Ledger
import Projections
import Synchronization

/// Serves the metrics page and nothing else.
struct MetricsHandler: RequestHandler {
  let gateway: Gateway
  let reactors: [Reactor]

  func respond(to request: Request, on client: Client) async {
    guard request.path == "/metrics", request.method == .get || request.method == .head else {
      let answer = request.path == "/metrics" ? Answer.methodNotAllowed("GET, HEAD") : .notFound
      return answer.send(to: client, requestID: gateway.newRequestID())
    }
    answer(client, gateway.newRequestID())
  }

  func answer(_ client: Client, _ id: ULID) {
    var page = MetricsPage()
    gateway.write(to: &page)
    write(to: &page)
    var headers = ResponseHeaders(contentType: "text/plain; version=0.0.4; charset=utf-8")
    headers.add("request-id", id.description)
    headers.add("cache-control", "no-store")
    client.respond(status: 200, headers: headers, body: page.bytes)
  }

  private func write(to page: inout MetricsPage) {
    func sum(_ value: (HTTPCounters) -> Int) -> Int64 {
      Int64(reactors.reduce(0) { $0 + value($1.counters) })
    }
    page.counter(
      "http_connections_total", "Connections accepted.",
      sum { $0.acceptedConnections.load(ordering: .relaxed) })
    page.gauge(
      "http_connections_open", "Connections open.",
      sum { $0.openConnections.load(ordering: .relaxed) })
    page.counter(
      "http_received_bytes_total", "Bytes received from callers.",
      sum { $0.receivedBytes.load(ordering: .relaxed) })
    page.counter(
      "http_sent_bytes_total", "Bytes sent to callers.",
      sum { $0.sentBytes.load(ordering: .relaxed) })
    page.counter(
      "upstream_connections_total", "Connections opened to upstreams.",
      sum { $0.upstreamConnects.load(ordering: .relaxed) })
  }
}

extension Gateway {
  /// Requests, tokens, charges, and the state of the ledger behind them.
  func write(to page: inout MetricsPage) {
    page.begin("requests_total", "counter", "Answers by route and status.")
    for (key, count) in answerCounts.all {
      page.sample(
        "requests_total", [("route", key.route), ("status", "\(key.status)")], "\(count)")
    }
    page.gauge("requests_active", "Requests being forwarded.", Int64(active.count))
    let waiting = scheduler.withLock { $0.waitingRequests }
    page.gauge("requests_waiting", "Requests waiting for a slot.", Int64(waiting))
    page.counter("settlements_total", "Requests settled.", metrics.settled.total)
    page.counter(
      "settlements_partial_total", "Settlements of answers that were not whole.",
      metrics.partial.total)
    page.counter(
      "settlements_estimated_total", "Settlements with estimated usage.",
      metrics.estimated.total)
    page.counter(
      "settlements_unpriced_total", "Settlements at the default model's price.",
      metrics.unpriced.total)
    page.counter(
      "attempts_failed_total", "Attempts at upstreams that failed.",
      metrics.failedAttempts.total)
    page.counter(
      "events_refused_total", "Settlements that the ledger refused: 0, or there is a bug.",
      metrics.refusedEvents.total)
    page.counter("drains_total", "Answers read on after their caller left.", metrics.drains.total)
    page.begin("tokens_total", "counter", "Tokens settled, by class.")
    for (label, counter) in [
      ("input", metrics.inputTokens.total), ("output", metrics.outputTokens.total),
      ("cache_read", metrics.cacheReadTokens.total),
      ("cache_write", metrics.cacheWriteTokens.total),
    ] {
      page.sample("tokens_total", [("class", label)], "\(counter)")
    }
    page.begin("charged_usd_total", "counter", "Charges settled, in USD.")
    page.sample(
      "charged_usd_total", [], DecimalText.text(Int128(metrics.chargedNanoUSD.total), scale: 9))
    writeLedger(to: &page)
  }

  private func writeLedger(to page: inout MetricsPage) {
    let (last, open, held) = live.withBooks { books in
      (books.lastSequence, books.openRequests.openCount, books.openRequests.held)
    }
    let durable = live.durable
    let stored = live.checkpointed
    page.gauge("open_requests", "Admissions not yet closed.", Int64(open))
    page.begin("open_holds_usd", "gauge", "Sum of the holds of open requests, in USD.")
    page.sample("open_holds_usd", [], DecimalText.text(Int128(held.value), scale: 9))
    page.gauge(
      "ledger_last_sequence", "Sequence number of the last event.", Int64(clamping: last.value))
    page.gauge(
      "ledger_durable_sequence", "Sequence number of the last durable event.",
      Int64(clamping: durable.value))
    page.gauge(
      "projection_lag_events", "Durable events that the read model does not hold yet.",
      Int64(clamping: durable.value - min(durable.value, stored.value)))
    page.histogram(
      "ledger_append_seconds", "From append to durable.",
      live.ledger.durability.waitTimes.snapshot)
    page.histogram(
      "ledger_fsync_seconds", "fdatasync on the commit path.", live.ledger.syncTimes.snapshot)
  }
}

/// Text in Prometheus' format, every name under `daybook_`.
struct MetricsPage {
  private(set) var bytes: [UInt8] = []

  private mutating func line(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(10)
  }

  mutating func begin(_ name: String, _ type: String, _ help: String) {
    line("# HELP daybook_\(name) \(help)")
    line("# TYPE daybook_\(name) \(type)")
  }

  /// Label values are ours alone: routes, classes, statuses.
  mutating func sample(
    _ name: String, _ labels: [(name: String, value: String)], _ value: String
  ) {
    let text = labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
    line("daybook_\(name)\(labels.isEmpty ? "" : "{\(text)}") \(value)")
  }

  mutating func counter(_ name: String, _ help: String, _ value: Int64) {
    begin(name, "counter", help)
    sample(name, [], "\(value)")
  }
  mutating func gauge(_ name: String, _ help: String, _ value: Int64) {
    begin(name, "gauge", help)
    sample(name, [], "\(value)")
  }
  mutating func histogram(_ name: String, _ help: String, _ times: LatencyHistogram.Snapshot) {
    begin(name, "histogram", help)
    var total = 0
    for (bound, count) in zip(LatencyHistogram.bounds, times.counts) {
      total += count
      let seconds = DecimalText.text(Int128(bound), scale: 9)
      sample("\(name)_bucket", [("le", seconds)], "\(total)")
    }
    sample("\(name)_bucket", [("le", "+Inf")], "\(times.count)")
    sample("\(name)_sum", [], DecimalText.text(Int128(times.sumNanoseconds), scale: 9))
    sample("\(name)_count", [], "\(times.count)")
  }
}
