// The other events of a request's way: attempts, and the ways a request ends without a charge.
// An admission is closed by exactly one of forward_settled, forward_failed, request_intercepted,
// fallback_group_used, outcome_unknown (and late_settled after outcome_unknown).
public import Base

/// One attempt at one account that failed.
public struct AttemptFailed: RecordPayload {
  public static let type = RecordType.attemptFailed
  public static let fixedLength = 72
  public var party = Party()
  public var account = AccountID.none
  /// From 1, within the request.
  public var attempt: UInt16 = 0
  /// HTTP status, 0 when there was no answer.
  public var status: UInt16 = 0
  public var failure = FailureClass.status
  public var outcome = AttemptOutcome.failover
  public var duration = Milliseconds(0)
  /// Tokens the upstream reported before it failed: never charged to the caller.
  public var input: Int64 = 0
  public var output: Int64 = 0
  public var cacheRead: Int64 = 0
  public var cacheWrite: Int64 = 0
  /// The cool-down it caused; 0 = none.
  public var coolDown = Milliseconds(0)
  /// What happened, at most 256 bytes, without credentials.
  public var detail = ""
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("account", &account, at: 36)
    coder.field("attempt", &attempt, at: 40)
    coder.field("status", &status, at: 42)
    coder.field("failure", &failure, at: 44)
    coder.field("outcome", &outcome, at: 45)
    coder.field("duration_ms", &duration, at: 48)
    coder.count("input_tokens", &input, at: 52)
    coder.count("output_tokens", &output, at: 56)
    coder.count("cache_read_tokens", &cacheRead, at: 60)
    coder.count("cache_write_tokens", &cacheWrite, at: 64)
    coder.field("cool_down_ms", &coolDown, at: 68)
    coder.text("detail", &detail)
  }
}

/// The request ended without anything to charge.
public struct ForwardFailed: RecordPayload {
  public static let type = RecordType.forwardFailed
  public static let fixedLength = 76
  public var party = Party()
  public var hold = NanoUSD.zero
  /// The admission's time.
  public var serviceTime = Timestamp(microseconds: 0)
  public var duration = Milliseconds(0)
  /// The status the caller got, 0 when it had left.
  public var status: UInt16 = 0
  /// The last upstream status, 0 when there was none.
  public var upstreamStatus: UInt16 = 0
  public var attempts: UInt16 = 0
  public var failure = ForwardFailure.upstream
  public var target = PaymentTarget.balance
  public var subscription = SubscriptionID.none
  public var group = GroupID.none
  /// The last account tried.
  public var account = AccountID.none
  public var detail = ""
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.closing(&hold, &serviceTime)
    coder.field("duration_ms", &duration, at: 52)
    coder.field("status", &status, at: 56)
    coder.field("upstream_status", &upstreamStatus, at: 58)
    coder.field("attempts", &attempts, at: 60)
    coder.field("failure", &failure, at: 62)
    coder.field("target", &target, at: 63)
    coder.field("subscription", &subscription, at: 64)
    coder.field("group", &group, at: 68)
    coder.field("account", &account, at: 72)
    coder.text("detail", &detail)
  }
}

/// A warm-up or suggestion request, answered without an upstream.
public struct RequestIntercepted: RecordPayload {
  public static let type = RecordType.requestIntercepted
  public static let fixedLength = 64
  public var party = Party()
  public var hold = NanoUSD.zero
  public var serviceTime = Timestamp(microseconds: 0)
  public var account = AccountID.none
  public var kind = InterceptKind.warmup
  public var target = PaymentTarget.balance
  public var subscription = SubscriptionID.none
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.closing(&hold, &serviceTime)
    coder.field("account", &account, at: 52)
    coder.field("kind", &kind, at: 56)
    coder.field("target", &target, at: 57)
    coder.field("subscription", &subscription, at: 60)
  }
}

/// Refused before the billing check; equal ones of one second are one event with a count.
public struct RequestRejected: RecordPayload {
  public static let type = RecordType.requestRejected
  public static let fixedLength = 48
  public var party = Party()
  public var group = GroupID.none
  public var reason = RejectReason.authentication
  public var status: UInt16 = 0
  public var count: UInt32 = 1
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("group", &group, at: 36)
    coder.field("reason", &reason, at: 40)
    coder.field("status", &status, at: 42)
    coder.field("count", &count, at: 44)
  }
}

/// The request goes on in the group's fallback group: closes the first admission.
public struct FallbackGroupUsed: RecordPayload {
  public static let type = RecordType.fallbackGroupUsed
  public static let fixedLength = 72
  public var party = Party()
  public var hold = NanoUSD.zero
  public var serviceTime = Timestamp(microseconds: 0)
  public var group = GroupID.none
  public var fallback = GroupID.none
  public var account = AccountID.none
  public var target = PaymentTarget.balance
  public var subscription = SubscriptionID.none
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.closing(&hold, &serviceTime)
    coder.field("group", &group, at: 52)
    coder.field("fallback_group", &fallback, at: 56)
    coder.field("account", &account, at: 60)
    coder.field("target", &target, at: 64)
    coder.field("subscription", &subscription, at: 68)
  }
}

/// A count_tokens request was answered: no charge.
public struct TokensCounted: RecordPayload {
  public static let type = RecordType.tokensCounted
  public static let fixedLength = 60
  public var party = Party()
  public var group = GroupID.none
  public var account = AccountID.none
  public var model = ModelID.none
  public var status: UInt16 = 0
  public var input: Int64 = 0
  public var duration = Milliseconds(0)
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("group", &group, at: 36)
    coder.field("account", &account, at: 40)
    coder.field("model", &model, at: 44)
    coder.field("status", &status, at: 48)
    coder.count("input_tokens", &input, at: 52)
    coder.field("duration_ms", &duration, at: 56)
  }
}

/// Found open at start: the server ended between admission and settlement. Charge 0 until the
/// upstream's bill is reconciled.
public struct OutcomeUnknown: RecordPayload {
  public static let type = RecordType.outcomeUnknown
  public static let fixedLength = 64
  public var party = Party()
  public var hold = NanoUSD.zero
  public var serviceTime = Timestamp(microseconds: 0)
  public var target = PaymentTarget.balance
  public var subscription = SubscriptionID.none
  public var group = GroupID.none
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.closing(&hold, &serviceTime)
    coder.field("target", &target, at: 52)
    coder.field("subscription", &subscription, at: 56)
    coder.field("group", &group, at: 60)
  }
}

extension RecordCoder {
  /// The hold and the service time of the admission that an event closes.
  mutating func closing(_ hold: inout NanoUSD, _ serviceTime: inout Timestamp) {
    field("hold_usd", &hold, at: 36)
    field("service_time", &serviceTime, at: 44)
  }
}

/// An event that closes an admission without a charge, in place: the fields folds read.
public struct ClosingView: ~Escapable {
  public let record: RecordView
  @inlinable
  @_lifetime(copy record)
  public init(_ record: RecordView) { self.record = record }
  @inlinable public var hold: NanoUSD { record.money(36) }
  @inlinable public var serviceTime: Timestamp { Timestamp(microseconds: record.i64(44)) }
}
