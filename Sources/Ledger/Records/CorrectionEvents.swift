// Corrections (re-pricing) and the ledger's own events. Nothing is ever changed or removed: a
// correction is a new event that points at what it corrects.
public import Base

/// One re-pricing job as a whole: its corrections take effect as one with `repricing_applied`.
public struct RepricingState: Hashable, Sendable {
  public var job: UInt32 = 0
  public var book = PriceBookID.none
  /// Settlements up to here were rated.
  public var base = SequenceNumber.none
  public var count: UInt64 = 0
  public var listDelta = NanoUSD.zero
  public var chargedDelta = NanoUSD.zero
  /// The job whose corrections this one takes back; 0 = none.
  public var reverts: UInt32 = 0
  public var authorship = Authorship()
  public init() {}
  mutating func layout(_ coder: inout some RecordCoder) {
    coder.field("job", &job, at: 16)
    coder.field("price_book", &book, at: 20)
    coder.field("base_sequence", &base, at: 24)
    coder.field("count", &count, at: 32)
    coder.field("list_delta_usd", &listDelta, at: 40)
    coder.field("charged_delta_usd", &chargedDelta, at: 48)
    coder.field("reverts", &reverts, at: 56)
    coder.authorship(&authorship)
  }
}
public struct RepricingApplied: RecordPayload {
  public static let type = RecordType.repricingApplied
  public static let fixedLength = 60
  public var state = RepricingState()
  public init() {}
  public init(_ state: RepricingState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct RepricingReverted: RecordPayload {
  public static let type = RecordType.repricingReverted
  public static let fixedLength = 60
  public var state = RepricingState()
  public init() {}
  public init(_ state: RepricingState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct RepricingAbandoned: RecordPayload {
  public static let type = RecordType.repricingAbandoned
  public static let fixedLength = 60
  public var state = RepricingState()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}

/// Changes what one cell (user, key, group, target, model, service day) was charged.
public struct ChargeCorrected: RecordPayload {
  public static let type = RecordType.chargeCorrected
  public static let fixedLength = 72
  /// `admission` is none; `serviceDay` is the cell's.
  public var party = Party()
  public var group = GroupID.none
  public var model = ModelID.none
  public var job: UInt32 = 0
  public var subscription = SubscriptionID.none
  public var target = PaymentTarget.balance
  public var listDelta = NanoUSD.zero
  public var chargedDelta = NanoUSD.zero
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("group", &group, at: 36)
    coder.field("model", &model, at: 40)
    coder.field("job", &job, at: 44)
    coder.field("subscription", &subscription, at: 48)
    coder.field("target", &target, at: 52)
    coder.field("list_delta_usd", &listDelta, at: 56)
    coder.field("charged_delta_usd", &chargedDelta, at: 64)
  }
}

/// The log was restored from a backup and goes on in a new epoch.
public struct LedgerRestored: RecordPayload {
  public static let type = RecordType.ledgerRestored
  public static let fixedLength = 32
  public var epoch: UInt64 = 0
  public var last = SequenceNumber.none
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("epoch", &epoch, at: 16)
    coder.field("last_sequence", &last, at: 24)
    coder.authorship(&authorship)
  }
}

/// Recovery cut bytes after the last whole block: an unfinished, never acknowledged write.
public struct TailCut: RecordPayload {
  public static let type = RecordType.tailCut
  public static let fixedLength = 40
  /// Sequence number the cut began at.
  public var first = SequenceNumber.none
  public var offset: UInt64 = 0
  public var length: UInt64 = 0
  /// Segment and the file in cut/ that keeps the bytes.
  public var segment = ""
  public var kept = ""
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("first_sequence", &first, at: 16)
    coder.field("offset", &offset, at: 24)
    coder.field("length", &length, at: 32)
    coder.text("segment", &segment)
    coder.text("kept", &kept)
  }
}

/// `repair` removed damaged bytes, by an operator's decision.
public struct Repaired: RecordPayload {
  public static let type = RecordType.repaired
  public static let fixedLength = 40
  public var first = SequenceNumber.none
  public var offset: UInt64 = 0
  public var length: UInt64 = 0
  public var segment = ""
  public var kept = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("first_sequence", &first, at: 16)
    coder.field("offset", &offset, at: 24)
    coder.field("length", &length, at: 32)
    coder.text("segment", &segment)
    coder.text("kept", &kept)
    coder.authorship(&authorship)
  }
}

/// The clock went back by more than a second; events keep the later time.
public struct ClockStepped: RecordPayload {
  public static let type = RecordType.clockStepped
  public static let fixedLength = 24
  /// What the clock said.
  public var clock = Timestamp(microseconds: 0)
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("clock", &clock, at: 16)
  }
}
