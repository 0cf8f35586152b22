// GET /metrics: what is counted along the way (GatewayMetrics), and what is asked when the page is:
// queues, accounts, the ledger, the HTTP front, the process. On its own listener, on loopback
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
    var headers = ResponseHeaders(contentType: "text/plain; version=0.0.4; charset=utf-8")
    headers.add("request-id", id.description)
    headers.add("cache-control", "no-store")
    client.respond(status: 200, headers: headers, body: page)
  }

  var page: [UInt8] {
    var page = MetricsPage()
    gateway.write(to: &page)
    writeHTTP(to: &page)
    ProcessFacts().write(to: &page)
    return page.bytes
  }

  private func writeHTTP(to page: inout MetricsPage) {
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
      "http_connections_refused_total", "Connections turned away because of the limit.",
      sum { $0.turnedAwayConnections.load(ordering: .relaxed) })
    page.counter(
      "http_received_bytes_total", "Bytes received from callers.",
      sum { $0.receivedBytes.load(ordering: .relaxed) })
    page.counter(
      "http_sent_bytes_total", "Bytes sent to callers.",
      sum { $0.sentBytes.load(ordering: .relaxed) })
    page.counter(
      "upstream_requests_total", "Requests sent to upstreams.",
      sum { $0.transfers.load(ordering: .relaxed) })
    page.counter(
      "upstream_connections_total", "Connections opened to upstreams.",
      sum { $0.upstreamConnects.load(ordering: .relaxed) })
    page.counter(
      "upstream_received_bytes_total", "Body bytes received from upstreams.",
      sum { $0.upstreamReceivedBytes.load(ordering: .relaxed) })
  }
}

extension Gateway {
  /// Requests, tokens, charges, and the state of the ledger behind them.
  func write(to page: inout MetricsPage) {
    for family in metrics.counters { family.write(to: &page) }
    for family in metrics.histograms { family.write(to: &page) }
    page.gauge("requests_active", "Requests being forwarded.", Int64(active.count))
    page.gauge(
      "drains_running", "Answers being read on after their caller left.",
      Int64(drains.count))
    writeAccounts(to: &page)
    writeLedger(to: &page)
    page.counter("log_lines_total", "Lines of the log written.", Int64(log.writtenLines))
    page.counter(
      "log_lines_dropped_total", "Lines of the log lost because their reader is slow or gone.",
      Int64(log.droppedLines))
  }

  /// An account, as the scheduler has it now.
  private struct AccountGauges {
    let name: String
    let platform: String
    let condition: AccountCondition
    let running: Int
    let waiting: Int
    let limit: Int
  }

  private func writeAccounts(to page: inout MetricsPage) {
    let now = wallClock.now()
    let (accounts, waiting, running) = scheduler.withLock { scheduler in
      (
        scheduler.accounts.map { account in
          AccountGauges(
            name: account.plan.name, platform: account.plan.platform.name,
            condition: account.isReady(at: now) ? .ready : account.condition,
            running: account.slots.running, waiting: account.slots.waiting,
            limit: account.slots.limit)
        }.sorted { $0.name < $1.name },
        scheduler.waitingForUsers, scheduler.runningOfUsers
      )
    }
    let atAccounts = accounts.reduce(0) { $0 + $1.waiting }
    page.begin("requests_waiting", "gauge", "Requests waiting for a slot.")
    page.sample("requests_waiting", [("queue", "user")], "\(waiting)")
    page.sample("requests_waiting", [("queue", "account")], "\(atAccounts)")
    page.gauge("user_slots_running", "Slots of users in use.", Int64(running))
    page.begin("account_state", "gauge", "1 for the state an account is in, 0 for the others.")
    for account in accounts {
      for state in AccountCondition.allCases where state != .unrecognized {
        page.sample(
          "account_state",
          [("account", account.name), ("platform", account.platform), ("state", state.name)],
          state == account.condition ? "1" : "0")
      }
    }
    let gauges: [(name: String, help: String, value: (AccountGauges) -> Int)] = [
      ("account_running", "Slots of an account in use.", \.running),
      ("account_waiting", "Requests waiting for a slot of an account.", \.waiting),
      ("account_slots", "Slots of an account.", \.limit),
    ]
    for gauge in gauges {
      page.begin(gauge.name, "gauge", gauge.help)
      for account in accounts {
        page.sample(gauge.name, [("account", account.name)], "\(gauge.value(account))")
      }
    }
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
    page.gauge("ledger_ready", "1 while the ledger takes requests.", live.canAdmit() ? 1 : 0)
    page.gauge(
      "ledger_last_sequence", "Sequence number of the last event.", Int64(clamping: last.value))
    page.gauge(
      "ledger_durable_sequence", "Sequence number of the last durable event.",
      Int64(clamping: durable.value))
    page.gauge(
      "projection_lag_events", "Durable events that the read model does not hold yet.",
      Int64(clamping: durable.value - min(durable.value, stored.value)))
    let tree = live.tree?.status
    let signed = tree?.head?.head.size ?? 0
    page.gauge(
      "tree_signed_events", "Events that the last signed tree head covers.",
      Int64(clamping: signed))
    page.gauge(
      "tree_lag_events", "Durable events that no signed tree head covers yet.",
      Int64(clamping: durable.value - min(durable.value, signed)))
    page.gauge(
      "tree_ready", "1 while tree heads are signed.",
      tree != nil && tree?.problem == nil ? 1 : 0)
    page.histogram(
      "ledger_append_seconds", "From append to durable.",
      live.ledger.durability.waitTimes.snapshot)
    page.histogram(
      "ledger_fsync_seconds", "fdatasync on the commit path.", live.ledger.syncTimes.snapshot)
  }
}

extension ProcessFacts {
  /// Under the names that Prometheus' client libraries give them.
  func write(to page: inout MetricsPage) {
    let facts: [(name: String, type: String, help: String, value: String)] = [
      (
        "process_cpu_seconds_total", "counter", "CPU time used, user and system.",
        DecimalText.text(Int128(cpuMicroseconds), scale: 6)
      ),
      (
        "process_start_time_seconds", "gauge", "When the process began, Unix time.",
        DecimalText.text(Int128(startMicroseconds), scale: 6)
      ),
      (
        "process_resident_memory_bytes", "gauge", "Memory that is resident.", "\(residentBytes)"
      ),
      ("process_virtual_memory_bytes", "gauge", "Address space in use.", "\(virtualBytes)"),
      ("process_open_fds", "gauge", "File descriptors open.", "\(openDescriptors)"),
      ("process_max_fds", "gauge", "Greatest number of file descriptors.", "\(mostDescriptors)"),
      ("process_threads", "gauge", "Threads.", "\(threads)"),
    ]
    for fact in facts {
      page.begin(fact.name, fact.type, fact.help, prefix: "")
      page.sample(fact.name, [], fact.value, prefix: "")
    }
  }
}
