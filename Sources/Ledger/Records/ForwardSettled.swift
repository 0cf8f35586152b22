// forward_settled and late_settled: the charge of a request, with everything that explains it.
// A settlement repeats the hold and the service time of its admission, so that every projection
// folds from this event alone.
public import Base

/// What a settlement states; late settlements have the same layout under another type.
public struct Settlement: Equatable, Sendable {
  public static let fixedLength = 216

  public var party = Party()
  public var group = GroupID.none
  public var account = AccountID.none
  /// The model asked for, the one sent upstream, the one whose price was used.
  public var model = ModelID.none
  public var upstreamModel = ModelID.none
  public var pricedModel = ModelID.none
  public var priceBook = PriceBookID.none
  public var subscription = SubscriptionID.none
  public var multiplier = PartsPerMillion.one
  public var target = PaymentTarget.balance
  public var isStream = false
  public var isPartial = false
  public var isEstimated = false
  public var isUnpriced = false
  public var reason = SettlementReason.none
  public var priceRule = PriceRule.none
  /// Version of the rating rules that computed the charge, from 1.
  public var ratingRules: UInt8 = 1
  /// Counts 0 ... 10^9 each.
  public var usage = TokenUsage()
  public var stopReason = StopReason.none
  /// Threshold in thousands of tokens of the price tier applied; 0 = base prices.
  public var inputTier: UInt16 = 0
  /// HTTP status of the upstream's answer.
  public var status: UInt16 = 0
  /// Attempts made, the successful one included.
  public var attempts: UInt16 = 1
  public var list = NanoUSD.zero
  public var charged = NanoUSD.zero
  public var hold = NanoUSD.zero
  /// Time of the admission.
  public var serviceTime = Timestamp(microseconds: 0)
  public var duration = Milliseconds(0)
  public var firstToken = Milliseconds.absent
  public var requestID = ULID.none
  public var upstreamMessageID = ""
  public var upstreamRequestID = ""
  public var modelText = ""
  /// The stop reason when it has no code.
  public var stopReasonText = ""
  /// Usage billed at another model's price (compaction, iterations): canonical JSON, usually "".
  public var lines = ""
  /// Numeric usage fields this version does not price: canonical JSON, usually "".
  public var extraUsage = ""

  public init() {}

  mutating func layout(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("group", &group, at: 36)
    coder.field("account", &account, at: 40)
    coder.field("model", &model, at: 44)
    coder.field("upstream_model", &upstreamModel, at: 48)
    coder.field("priced_model", &pricedModel, at: 52)
    coder.field("price_book", &priceBook, at: 56)
    coder.field("subscription", &subscription, at: 60)
    coder.field("multiplier", &multiplier, at: 64)
    coder.field("target", &target, at: 68)
    coder.field("stream", &isStream, at: 69)
    coder.field("partial", &isPartial, at: 70)
    coder.field("estimated", &isEstimated, at: 71)
    coder.field("unpriced", &isUnpriced, at: 72)
    coder.field("reason", &reason, at: 73)
    coder.field("price_rule", &priceRule, at: 74)
    coder.field("rating_rules", &ratingRules, at: 75)
    coder.field("service_tier", &usage.serviceTier, at: 76)
    coder.field("speed", &usage.speed, at: 77)
    coder.field("geography", &usage.geography, at: 78)
    coder.field("stop_reason", &stopReason, at: 79)
    coder.field("input_tier_k", &inputTier, at: 80)
    coder.field("status", &status, at: 82)
    coder.field("attempts", &attempts, at: 84)
    coder.count("input_tokens", &usage.input, at: 88)
    coder.count("output_tokens", &usage.output, at: 92)
    coder.count("cache_read_tokens", &usage.cacheRead, at: 96)
    coder.count("cache_write_5m_tokens", &usage.cacheWrite5m, at: 100)
    coder.count("cache_write_1h_tokens", &usage.cacheWrite1h, at: 104)
    coder.count("web_searches", &usage.webSearches, at: 108)
    coder.field("list_usd", &list, at: 112)
    coder.field("charged_usd", &charged, at: 120)
    coder.field("hold_usd", &hold, at: 128)
    coder.field("service_time", &serviceTime, at: 136)
    coder.field("duration_ms", &duration, at: 144)
    coder.field("first_token_ms", &firstToken, at: 148)
    coder.ulid(&requestID, at: 152)
    coder.packedText("upstream_message_id", &upstreamMessageID, at: 168)
    coder.packedText("upstream_request_id", &upstreamRequestID, at: 192)
    coder.text("model_text", &modelText)
    coder.text("stop_reason_text", &stopReasonText)
    coder.text("lines", &lines)
    coder.text("extra_usage", &extraUsage)
  }
}

public struct ForwardSettled: RecordPayload {
  public static let type = RecordType.forwardSettled
  public static let fixedLength = Settlement.fixedLength
  public var settlement = Settlement()
  public init() {}
  public init(_ settlement: Settlement) { self.settlement = settlement }
  public mutating func fields(_ coder: inout some RecordCoder) { settlement.layout(&coder) }
}

/// Closes a request whose outcome was unknown, from the upstream's own bill: service time is the
/// admission's, booking time the event's.
public struct LateSettled: RecordPayload {
  public static let type = RecordType.lateSettled
  public static let fixedLength = Settlement.fixedLength
  public var settlement = Settlement()
  /// Who settled it and why.
  public var authorship = Authorship()
  public init() {}
  public init(_ settlement: Settlement, by authorship: Authorship = Authorship()) {
    self.settlement = settlement
    self.authorship = authorship
  }
  public mutating func fields(_ coder: inout some RecordCoder) {
    settlement.layout(&coder)
    // `reason` is the settlement's own: why it is partial.
    coder.text("actor", &authorship.actor)
    coder.text("actor_reason", &authorship.reason)
  }
}

/// The fields of a settlement that folds read, in place.
public struct ForwardSettledView: ~Escapable {
  public let record: RecordView
  @inlinable
  @_lifetime(copy record)
  public init(_ record: RecordView) { self.record = record }
  @inlinable public var group: GroupID { GroupID(record.u32(36)) }
  @inlinable public var account: AccountID { AccountID(record.u32(40)) }
  @inlinable public var model: ModelID { ModelID(record.u32(44)) }
  @inlinable public var upstreamModel: ModelID { ModelID(record.u32(48)) }
  @inlinable public var pricedModel: ModelID { ModelID(record.u32(52)) }
  @inlinable public var subscription: SubscriptionID { SubscriptionID(record.u32(60)) }
  @inlinable public var target: PaymentTarget { PaymentTarget(stored: record.u8(68)) }
  @inlinable public var isPartial: Bool { record.u8(70) != 0 }
  @inlinable public var isUnpriced: Bool { record.u8(72) != 0 }
  @inlinable public var input: Int64 { Int64(record.u32(88)) }
  @inlinable public var output: Int64 { Int64(record.u32(92)) }
  @inlinable public var cacheRead: Int64 { Int64(record.u32(96)) }
  @inlinable public var cacheWrite5m: Int64 { Int64(record.u32(100)) }
  @inlinable public var cacheWrite1h: Int64 { Int64(record.u32(104)) }
  @inlinable public var list: NanoUSD { record.money(112) }
  @inlinable public var charged: NanoUSD { record.money(120) }
  @inlinable public var hold: NanoUSD { record.money(128) }
  @inlinable public var serviceTime: Timestamp { Timestamp(microseconds: record.i64(136)) }
  @inlinable public var durationMilliseconds: Int64 { Int64(record.u32(144)) }
  @inlinable public var requestID: ULID {
    ULID(high: record.u64(152).byteSwapped, low: record.u64(160).byteSwapped)
  }
  /// The strings behind the two upstream ids.
  public var modelText: String { record.string(2) }
  public var lines: String { record.string(4) }
}

extension RecordCoder {
  /// A count of tokens or searches: u32, clamped (callers validated it: 0 ... 10^9).
  mutating func count(_ name: StaticString, _ value: inout Int64, at offset: Int) {
    var stored = UInt32(clamping: value)
    field(name, &stored, at: offset)
    value = Int64(stored)
  }
}
