// GET /v1/usage: what the calling key has used and what its user has left (spec: gateway, section
// 7). Answered from the projections at a cost that does not grow with history. Nothing is told
// before it is durable.
public import Base
import HTTP
public import Ledger
public import Projections

extension Gateway {
  func usage(_ request: Request, _ client: Client, _ trace: RequestTrace) async throws(Answer) {
    let caller = try authenticate(trace, forced: nil, check: .inspecting)
    if request.queryValue("days") != nil || request.queryValue("as_of") != nil {
      return try await usageHistory(request, caller, client, trace)
    }
    let now = wallClock.now()
    let planName = snapshot.configuration.gateway.planName
    let report = live.withBooks { books in
      UsageReport(caller: caller, planName: planName, books: books, at: now)
    }
    guard await isDurable(report.basis, on: client.reactor) else {
      throw .billingUnavailable
    }
    var headers = ResponseHeaders.json(trace.id)
    headers.add("cache-control", "no-store")
    client.respond(status: 200, headers: headers, body: report.json)
  }
}

/// What GET /v1/usage says, as of one moment: taken under the lock, written outside of it.
public struct UsageReport: Sendable {
  /// The last event that touched what is told.
  public let basis: SequenceNumber
  private let key: KeyEntry
  private let user: UserEntry
  private let group: GroupEntry
  private let planName: String
  /// Key and user may be used: neither disabled nor expired.
  private let isActive: Bool
  private let balance: NanoUSD
  private let held: NanoUSD
  private let subscription: SubscriptionView?
  private let quotaUsed: NanoUSD
  private let usage: KeyUsage
  private let sequence: SequenceNumber
  private let time: Timestamp

  init(caller: Caller, planName: String, books: borrowing Books, at now: Timestamp) {
    self.init(
      key: caller.key, user: caller.user, group: caller.group, planName: planName, books: books,
      at: now)
  }

  /// For any key: the command line asks the same question.
  public init(
    key: KeyEntry, user: UserEntry, group: GroupEntry, planName: String, books: borrowing Books,
    at now: Timestamp
  ) {
    self.key = key
    self.user = user
    self.group = group
    self.planName = planName
    isActive =
      key.status == .active && user.status == .active && key.expires.map { $0 > now } ?? true
    basis = books.lastTouch(of: user.id)
    let funds = books.available(user: user.id)
    balance = funds.balance
    let isSubscription = group.target == .subscription
    subscription =
      isSubscription
      ? books.subscriptionWindows(user: user.id, group: group.id, at: now) : nil
    held = isSubscription ? subscription?.holds ?? .zero : funds.holds
    quotaUsed = books.keyQuota(key.id).used
    usage = books.usage(of: key.id, at: now)
    sequence = books.lastSequence
    time = books.lastTime
  }

  /// The JSON body.
  public var json: [UInt8] { json(adding: { _ in }) }

  /// The JSON body with more members in front of `as_of`.
  func json(adding more: (inout JSONWriter) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(1024)
    var json = JSONWriter(appendingTo: bytes)
    json.beginObject()
    if group.target == .subscription {
      Self.subscription(
        subscription, isActive: isActive, group: group, balance: balance, to: &json)
    } else {
      json.member("isValid", balance > .zero && isActive)
      json.member("is_active", isActive)
      json.member("mode", "balance")
      json.member("planName", planName)
      json.member("remaining", usd: balance)
      json.member("unit", "USD")
      json.member("balance", usd: balance)
    }
    json.member("held", usd: held)
    Self.quota(of: key, used: quotaUsed, to: &json)
    Self.statistics(usage, to: &json)
    more(&json)
    json.key("as_of")
    json.object {
      $0.member("sequence", sequence.value)
      $0.member("time", time.text())
    }
    json.endObject()
    return json.bytes
  }

  private static func subscription(
    _ view: SubscriptionView?, isActive: Bool, group: GroupEntry, balance: NanoUSD,
    to json: inout JSONWriter
  ) {
    guard let view, view.isValid else {
      json.member("isValid", false)
      json.member("is_active", false)
      json.member("mode", "subscription")
      json.member("planName", group.name)
      json.member("remaining", usd: .zero)
      json.member("unit", "USD")
      json.member("balance", usd: balance)
      json.member("invalidMessage", "No active subscription")
      return
    }
    json.member("isValid", isActive)
    json.member("is_active", isActive)
    json.member("mode", "subscription")
    json.member("planName", group.name)
    json.name("remaining")
    if let remaining = remaining(view) { json.usd(remaining) } else { json.integer(-1) }
    json.member("unit", "USD")
    json.member("balance", usd: balance)
    json.name("subscription")
    json.object { json in
      for window in view.windows { json.member("\(window.kind.label)_usage_usd", usd: window.used) }
      for window in view.windows {
        json.member("\(window.kind.label)_limit_usd", usd: window.limit)
      }
      for window in view.windows {
        json.member("\(window.kind.label)_reset_at", window.resets.text())
      }
      json.member("expires_at", view.entry.expires.text())
    }
  }

  /// 0 if any limit is reached, else the least left; nil when there is no limit (KEEP).
  private static func remaining(_ view: SubscriptionView) -> NanoUSD? {
    view.windows.compactMap(\.left).min()
  }

  private static func quota(of key: KeyEntry, used: NanoUSD, to json: inout JSONWriter) {
    guard let limit = key.quota else { return json.member(null: "quota") }
    json.key("quota")
    json.object {
      $0.member("limit", usd: limit)
      $0.member("used", usd: used)
      $0.member("remaining", usd: max(.zero, limit - used))
      $0.member("unit", "USD")
    }
  }

  private static func statistics(_ usage: KeyUsage, to json: inout JSONWriter) {
    json.key("usage")
    json.object { json in
      json.key("today")
      totals(usage.today, to: &json)
      json.key("total")
      totals(usage.total, to: &json)
      json.key("average_duration_ms")
      json.ratio(usage.durationSum, usage.total.requests)
      json.key("rpm")
      json.ratio(usage.recentRequests, 5)
      json.key("tpm")
      json.ratio(usage.recentTokens, 5)
    }
  }

  private static func totals(_ sums: UsageSum, to json: inout JSONWriter) {
    json.beginObject()
    members(sums, to: &json)
    json.endObject()
  }

  /// Requests, tokens and costs of some sum.
  static func members(_ sums: UsageSum, to json: inout JSONWriter) {
    for (name, count): (StaticString, Int64) in [
      ("requests", sums.requests), ("input_tokens", sums.input), ("output_tokens", sums.output),
      ("cache_creation_tokens", sums.cacheWrite), ("cache_read_tokens", sums.cacheRead),
      ("total_tokens", sums.tokens),
    ] {
      json.key(name)
      json.integer(count)
    }
    json.key("cost")
    json.usd(sums.list)
    json.key("actual_cost")
    json.usd(sums.charged)
  }
}

extension JSONWriter {
  /// USD with all its digits.
  mutating func usd(_ amount: NanoUSD) { decimal(amount.value, scale: 9) }
  mutating func member(_ name: String, usd amount: NanoUSD) {
    self.name(name)
    usd(amount)
  }
  mutating func member(_ name: String, usd amount: NanoUSD?) {
    if let amount { member(name, usd: amount) } else { member(null: name) }
  }
  /// A quotient with three decimals, half up; 0 for nothing.
  mutating func ratio(_ sum: Int64, _ count: Int64) {
    guard count > 0 else { return integer(0) }
    let thousandths = (Int128(sum) * 1000 + Int128(count) / 2) / Int128(count)
    decimal(Int64(clamping: thousandths), scale: 3)
  }
}

extension WindowKind {
  /// As texts and field names have it.
  var label: String {
    switch self {
    case .daily: "daily"
    case .weekly: "weekly"
    case .monthly: "monthly"
    }
  }
}
