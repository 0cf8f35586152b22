// billing_checked: one per billing check after the wait. An allowed one is an admission: its
// sequence number names the request from here on, its time is the service time.

public struct BillingChecked: RecordPayload {
  public static let type = RecordType.billingChecked
  public static let fixedLength = 120

  /// `party.admission` is this event's own sequence number when allowed, else none.
  public var party = Party()
  public var group = GroupID.none
  /// The model asked for; none when its text stands inline.
  public var model = ModelID.none
  public var priceBook = PriceBookID.none
  public var multiplier = PartsPerMillion.one
  public var subscription = SubscriptionID.none
  public var userAgent = UserAgentID.none
  public var target = PaymentTarget.balance
  public var allowed = false
  public var refusal = Refusal.none
  public var isStream = false
  /// Significant bits of the address: 128 or 32 in full, fewer as a prefix, 0 = not recorded.
  public var addressBits: UInt8 = 0
  public var isIPv6 = false
  /// `x-stainless-retry-count` of the caller, at most 65,535.
  public var retryCount: UInt16 = 0
  /// What was available before the hold; for subscriptions the least left of all limits,
  /// Int64.max when none applies.
  public var available = NanoUSD.zero
  public var hold = NanoUSD.zero
  public var requestID = ULID.none
  /// 4 or 16 bytes, cut to `addressBits`.
  public var address: [UInt8] = []
  public var modelText = ""
  public var userAgentText = ""
  public var idempotencyKey = ""

  public init() {}

  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("group", &group, at: 36)
    coder.field("model", &model, at: 40)
    coder.field("price_book", &priceBook, at: 44)
    coder.field("multiplier", &multiplier, at: 48)
    coder.field("subscription", &subscription, at: 52)
    coder.field("user_agent", &userAgent, at: 56)
    coder.field("target", &target, at: 60)
    coder.field("allowed", &allowed, at: 61)
    coder.field("refusal", &refusal, at: 62)
    coder.field("stream", &isStream, at: 63)
    coder.field("address_bits", &addressBits, at: 64)
    coder.field("address_v6", &isIPv6, at: 65)
    coder.field("retry_count", &retryCount, at: 66)
    coder.field("available_usd", &available, at: 72)
    coder.field("hold_usd", &hold, at: 80)
    coder.ulid(&requestID, at: 88)
    coder.bytes("address", &address, count: 16, at: 104)
    coder.text("model_text", &modelText)
    coder.text("user_agent_text", &userAgentText)
    coder.text("idempotency_key", &idempotencyKey)
  }
}

/// The fields that folds read, in place.
public struct BillingCheckedView: ~Escapable {
  public let record: RecordView
  @inlinable
  @_lifetime(copy record)
  public init(_ record: RecordView) { self.record = record }
  @inlinable public var group: GroupID { GroupID(record.u32(36)) }
  @inlinable public var subscription: SubscriptionID { SubscriptionID(record.u32(52)) }
  @inlinable public var target: PaymentTarget { PaymentTarget(stored: record.u8(60)) }
  @inlinable public var allowed: Bool { record.u8(61) != 0 }
  @inlinable public var hold: NanoUSD { record.money(80) }
  @inlinable public var requestID: ULID {
    ULID(high: record.u64(88).byteSwapped, low: record.u64(96).byteSwapped)
  }
}
