// The line of a request in the log. Fields that say nothing are left out; names are those of
// `daybook cat`.
import Base
import HTTP
import Ledger
import Projections

extension RequestTrace {
  /// - Parameters:
  ///   - status: what the caller saw, 0 when it saw nothing.
  ///   - address: as much of the caller's address as may be recorded.
  func write(
    to line: inout LogLine, status: Int, bytesOut: Int, address: InternetAddress?,
    now: MonotonicTime
  ) {
    line.field("request_id", id.description)
    line.field("method", request.method.rawValue)
    line.field("route", route?.label ?? "other")
    line.field("status", status)
    line.field("end", end.name)
    if let reason { line.field("reason", reason) }
    writeCaller(to: &line)
    writeUpstream(to: &line)
    if let settlement { Self.write(settlement, to: &line) }
    if let hold { line.field("hold_usd", decimal: hold.value, scale: 9) }
    line.field("duration_ms", milliseconds: now.nanoseconds(since: started))
    if userWait > 0 { line.field("wait_ms", milliseconds: userWait) }
    if accountWait > 0 { line.field("account_wait_ms", milliseconds: accountWait) }
    if let first = settlement?.firstToken, first != .absent {
      line.field("first_token_ms", first.value)
    }
    if let address { line.field("address", address.description) }
    if let retry = request.headers["x-stainless-retry-count"].flatMap({ UInt16($0) }), retry > 0 {
      line.field("retry_count", retry)
    }
    if bodyBytes > 0 { line.field("bytes_in", bodyBytes) }
    line.field("bytes_out", bytesOut)
  }

  private func writeCaller(to line: inout LogLine) {
    guard let caller else { return }
    line.field("key", PublicIdentifier(caller.key.id).description)
    line.field("user", PublicIdentifier(caller.user.id).description)
    line.field("group", caller.group.name)
    line.field("platform", caller.platform.label)
  }

  private func writeUpstream(to line: inout LogLine) {
    guard !model.isEmpty else { return }
    line.field("model", model)
    if !sentModel.isEmpty, sentModel != model { line.field("upstream_model", sentModel) }
    if !account.isEmpty { line.field("account", account) }
    line.field("attempts", attempts)
    line.field("stream", isStream)
    if usedFallback { line.field("fallback", true) }
    if isDrained { line.field("drained", true) }
  }

  private static func write(_ settlement: Settlement, to line: inout LogLine) {
    let usage = settlement.usage
    line.field("input_tokens", usage.input)
    line.field("output_tokens", usage.output)
    line.field("cache_read_tokens", usage.cacheRead)
    line.field("cache_write_5m_tokens", usage.cacheWrite5m)
    line.field("cache_write_1h_tokens", usage.cacheWrite1h)
    line.field("list_usd", decimal: settlement.list.value, scale: 9)
    line.field("charged_usd", decimal: settlement.charged.value, scale: 9)
    if settlement.isPartial { line.field("partial", true) }
    if settlement.isEstimated { line.field("estimated", true) }
    if settlement.isUnpriced { line.field("unpriced", true) }
  }

  /// Why it ended as it did, where the end alone does not say.
  private var reason: String? {
    switch end {
    case .answered: nil
    case .rejected(let why): why.rawValue
    case .settled:
      settlement.flatMap { $0.reason == .none ? nil : $0.reason.name }
    case .intercepted(let kind): kind.name
    case .closed(let failure):
      switch failure {
      case .callerGone, .passedThrough, .shutdown: nil
      default: failure.name
      }
    }
  }
}

extension RequestTrace.End {
  var name: String {
    switch self {
    case .answered: "answered"
    case .rejected(.callerGone): "caller_gone"
    case .rejected: "rejected"
    case .settled: "settled"
    case .intercepted: "intercepted"
    case .closed(.callerGone): "caller_gone"
    case .closed(.passedThrough): "passed_through"
    case .closed(.shutdown): "shutdown"
    case .closed: "failed"
    }
  }
}

extension LogLine {
  /// Nanoseconds as milliseconds with three digits behind the point.
  mutating func field(_ name: StaticString, milliseconds nanoseconds: Int64) {
    field(name, decimal: max(0, nanoseconds) / 1000, scale: 3)
  }
}
