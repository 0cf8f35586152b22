// Counters of the request path for GET /metrics. Labels never hold users or keys.
import Base
import HTTP
import Ledger

/// What passed through the request path since the process began.
final class GatewayMetrics: Sendable {
  typealias Label = CounterFamily.Label
  private static let statuses = Label("status", (0...600).map { $0 < 600 ? "\($0)" : "other" })
  private static let platforms = Label("platform", ["none"] + Platform.labelValues.dropFirst())

  let answers = CounterFamily(
    "requests_total",
    "Requests by route, status and platform; status 0: the caller left before the answer.",
    Label("route", Route.labels), statuses, platforms)
  let durations = HistogramFamily(
    "request_duration_seconds", "From the request's head to the end of its answer.",
    bounds: HistogramFamily.requestBounds, label: "route", Route.labels)
  let firstTokens = HistogramFamily(
    "first_token_seconds", "From the request's head to the first content of a streamed answer.",
    bounds: HistogramFamily.requestBounds, label: "platform", Platform.labelValues)
  let waits = HistogramFamily(
    "wait_seconds", "Waits for a slot, of those that had to wait.",
    bounds: HistogramFamily.waitBounds, label: "queue", Queue.allCases.map(\.rawValue))
  enum Queue: String, CaseIterable { case user, account }

  let rejected = CounterFamily(
    "requests_rejected_total", "Requests refused before anything was forwarded.",
    Label("reason", RefusedFor.labelValues))
  let closed = CounterFamily(
    "requests_unsettled_total", "Admitted requests that ended without a charge.",
    Label("reason", ForwardFailure.self))
  let intercepted = CounterFamily(
    "requests_intercepted_total", "Requests answered without an upstream.",
    Label("kind", InterceptKind.self))
  let fallbacks = CounterFamily(
    "fallbacks_total", "Requests that went on in their group's fallback group.")

  let failedAttempts = CounterFamily(
    "attempts_failed_total", "Attempts at upstreams that failed.",
    Label("platform", Platform.self), Label("class", FailureClass.self))
  let failovers = CounterFamily(
    "failovers_total", "Switches to another account after a failed attempt.",
    Label("platform", Platform.self))
  let exhausted = CounterFamily(
    "failovers_exhausted_total", "Requests that no account could answer.",
    Label("platform", Platform.self))

  let settled = CounterFamily(
    "settlements_total", "Requests settled.", Label("platform", Platform.self))
  let partial = CounterFamily(
    "settlements_partial_total", "Settlements of answers that were not whole.",
    Label("reason", SettlementReason.self))
  let estimated = CounterFamily(
    "settlements_estimated_total", "Settlements with estimated usage.",
    Label("reason", SettlementReason.self))
  let unpriced = CounterFamily(
    "settlements_unpriced_total", "Settlements at the default model's price.")
  /// Events that the books refused: always 0, or there is a bug.
  let refusedEvents = CounterFamily(
    "events_refused_total", "Settlements that the ledger refused: 0, or there is a bug.")
  let tokens = CounterFamily(
    "tokens_total", "Tokens settled.", Label("platform", Platform.self),
    Label("class", TokenClass.allCases.map(\.rawValue)))
  let webSearches = CounterFamily("web_searches_total", "Web searches settled.")
  let listUSD = CounterFamily(
    "list_usd_total", "List prices of what was settled, in USD.", scale: 9)
  let chargedUSD = CounterFamily("charged_usd_total", "Charges settled, in USD.", scale: 9)
  enum TokenClass: String, CaseIterable {
    case input, output
    case cacheRead = "cache_read"
    case cacheWrite5m = "cache_write_5m"
    case cacheWrite1h = "cache_write_1h"
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  let drains = CounterFamily("drains_total", "Answers read on after their caller left.")
  let drainsEnded = CounterFamily(
    "drains_ended_total", "Drains that are over, by how they ended.",
    Label("end", DrainEnd.allCases.map(\.rawValue)))
  enum DrainEnd: String, CaseIterable {
    /// The answer came whole.
    case complete
    /// Cut after `drain_seconds`, `drain_bytes`, or for a newer one.
    case limit
    case shutdown
    /// The upstream failed, or its answer was not whole.
    case failed
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// Every family, in the order of the page.
  var counters: [CounterFamily] {
    [
      answers, rejected, closed, intercepted, fallbacks, failedAttempts, failovers, exhausted,
      settled, partial, estimated, unpriced, refusedEvents, tokens, webSearches, listUSD,
      chargedUSD, drains, drainsEnded,
    ]
  }
  var histograms: [HistogramFamily] { [durations, firstTokens, waits] }
}

extension GatewayMetrics {
  /// A request's end.
  func count(_ trace: RequestTrace, status: Int, now: MonotonicTime) {
    let route = Route.labelIndex(trace.route)
    let platform = trace.platform.map { Int($0.rawValue) } ?? 0
    answers.add(1, route, status, platform)
    durations.record(now.nanoseconds(since: trace.started), route)
    if trace.userWait > 0 { waits.record(trace.userWait, 0) }
    if trace.accountWait > 0 { waits.record(trace.accountWait, 1) }
    if trace.usedFallback { fallbacks.add() }
    let switches = trace.attempts - (trace.usedFallback ? 2 : 1)
    if switches > 0 { failovers.add(Int64(switches), platform) }
    if trace.end == .closed(.upstream) { exhausted.add(1, platform) }
    if trace.isDrained { drainsEnded.add(1, DrainEnd(trace).index) }
    switch trace.end {
    case .answered, .settled: break
    case .rejected(let why): rejected.add(1, why.index)
    case .intercepted(let kind): intercepted.add(1, Int(kind.rawValue))
    case .closed(let failure): closed.add(1, Int(failure.rawValue))
    }
  }

  /// What the HTTP layer refused by itself.
  func countRefusal(status: Int) { answers.add(1, Route.labels.count - 1, status, 0) }

  /// A charge, once it is appended and before its caller hears of it.
  func count(_ settlement: Settlement, platform: Platform) {
    let platform = Int(platform.rawValue)
    let reason = Int(settlement.reason.rawValue)
    settled.add(1, platform)
    if settlement.isPartial { partial.add(1, reason) }
    if settlement.isEstimated { estimated.add(1, reason) }
    if settlement.isUnpriced { unpriced.add() }
    let usage = settlement.usage
    tokens.add(usage.input, platform, TokenClass.input.index)
    tokens.add(usage.output, platform, TokenClass.output.index)
    tokens.add(usage.cacheRead, platform, TokenClass.cacheRead.index)
    tokens.add(usage.cacheWrite5m, platform, TokenClass.cacheWrite5m.index)
    tokens.add(usage.cacheWrite1h, platform, TokenClass.cacheWrite1h.index)
    webSearches.add(Int64(usage.webSearches))
    listUSD.add(settlement.list.value)
    chargedUSD.add(settlement.charged.value)
    if settlement.firstToken != .absent {
      firstTokens.record(Int64(settlement.firstToken.value) * 1_000_000, platform)
    }
  }

  /// A failed attempt; an answer that is passed on is none.
  func count(_ failed: FailedAttempt, at platform: Platform, outcome: AttemptOutcome) {
    guard outcome != .passedThrough else { return }
    failedAttempts.add(1, Int(platform.rawValue), Int(failed.failure.rawValue))
  }
}

extension GatewayMetrics.DrainEnd {
  init(_ trace: RequestTrace) {
    switch trace.end {
    case .settled:
      switch trace.settlement?.reason {
      case .drainLimit: self = .limit
      case .shutdown: self = .shutdown
      default: self = trace.settlement?.isPartial == true ? .failed : .complete
      }
    case .closed(.callerGone): self = .limit
    case .closed(.shutdown): self = .shutdown
    case .closed(.passedThrough): self = .complete
    default: self = .failed
    }
  }
}

extension Route {
  /// Labels of all routes; the last are for paths that are none, and for what the HTTP layer
  /// refused before there was a path.
  static let labels = [
    "messages", "count_tokens", "models", "usage", "receipts", "ledger", "admin", "health",
    "metrics", "other", "refused",
  ]
  static func labelIndex(_ route: Route?) -> Int {
    labels.firstIndex(of: route?.label ?? "other") ?? labels.count - 2
  }
}
