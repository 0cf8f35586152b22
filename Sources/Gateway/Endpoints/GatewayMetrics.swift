// Counters of the request path for GET /metrics. Labels never hold users or keys.
import Base
import Ledger
import Synchronization

/// A count that all reactors add to.
struct Counter: ~Copyable, Sendable {
  private let value = Atomic<Int64>(0)
  init() {}
  func add(_ amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
  var total: Int64 { value.load(ordering: .relaxed) }
}

/// What passed through the request path since the process began.
final class GatewayMetrics: Sendable {
  let requests = Counter()
  let settled = Counter()
  let partial = Counter()
  let estimated = Counter()
  let unpriced = Counter()
  let failedAttempts = Counter()
  let drains = Counter()
  let intercepted = Counter()
  let fallbacks = Counter()
  /// Events that the books refused: always 0, or there is a bug.
  let refusedEvents = Counter()
  let inputTokens = Counter()
  let outputTokens = Counter()
  let cacheReadTokens = Counter()
  let cacheWriteTokens = Counter()
  let chargedNanoUSD = Counter()

  func count(_ settlement: Settlement) {
    settled.add(1)
    if settlement.isPartial { partial.add(1) }
    if settlement.isEstimated { estimated.add(1) }
    if settlement.isUnpriced { unpriced.add(1) }
    inputTokens.add(settlement.usage.input)
    outputTokens.add(settlement.usage.output)
    cacheReadTokens.add(settlement.usage.cacheRead)
    cacheWriteTokens.add(settlement.usage.cacheWrite5m + settlement.usage.cacheWrite1h)
    chargedNanoUSD.add(settlement.charged.value)
  }
}

/// Answers by route and status: 100 ... 599 each.
final class AnswerCounts: Sendable {
  private let counts: Mutex<[Key: Int64]> = Mutex([:])
  struct Key: Hashable {
    let route: String
    let status: Int
  }

  func note(route: String, status: Int) {
    counts.withLock { $0[Key(route: route, status: status), default: 0] += 1 }
  }
  var all: [(key: Key, count: Int64)] {
    counts.withLock { $0.map { ($0.key, $0.value) } }
      .sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
  }
}
