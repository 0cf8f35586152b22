// Key quotas: what each key was charged, whoever paid, and what is held for its requests in flight.
//
//   used = charged + corrected
public import Ledger

/// One key's use of its quota.
public struct KeyQuotaRow: StoredRow {
  public internal(set) var key = KeyID.none
  public internal(set) var charged = NanoUSD.zero
  public internal(set) var corrected = NanoUSD.zero
  public internal(set) var holds = NanoUSD.zero
  public internal(set) var openHolds: Int64 = 0
  public init() {}
  public var used: NanoUSD { NanoUSD(charged.value &+ corrected.value) }

  public static var table: String { "key_quotas" }
  public static var keyColumn: String { "key" }
  public var isVacant: Bool { key.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &key)
    try coder.money("charged_nano_usd", &charged)
    try coder.money("corrected_nano_usd", &corrected)
    try coder.money("holds_nano_usd", &holds)
    try coder.column("open_holds", &openHolds)
  }
}

/// All keys' quotas, indexed by key.
public struct KeyQuotas: Sendable {
  var rows = Table<KeyQuotaRow>()
  init() {}
  /// A key's use; nothing when the key is unknown.
  public func quota(of key: KeyID) -> KeyQuotaRow {
    rows.holds(Int(key.value)) ? rows[Int(key.value)] : KeyQuotaRow()
  }

  private func index(_ key: KeyID, _ sequence: SequenceNumber) throws(FoldFault) -> Int {
    guard rows.holds(Int(key.value)) else {
      throw FoldFault(sequence, .unknown("key \(key.value)"))
    }
    return Int(key.value)
  }

  mutating func correct(
    _ key: KeyID, by delta: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let index = try index(key, sequence)
    var corrected = rows[index].corrected
    try corrected.add(delta, "a key's corrections", sequence)
    rows.update(index) { $0.corrected = corrected }
  }

  mutating func release(
    _ key: KeyID, _ hold: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let index = try index(key, sequence)
    rows.update(index) {
      $0.holds.value &-= hold.value
      $0.openHolds &-= 1
    }
  }
}

extension KeyQuotas: Projection {
  public static let version = 1

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .keyIssued:
      var row = KeyQuotaRow()
      row.key = KeyID(record.u32(16))
      rows.append(row)
    case .billingChecked:
      let check = BillingCheckedView(record)
      guard check.allowed else { return }
      let index = try index(record.key, sequence)
      var holds = rows[index].holds
      try holds.add(check.hold, "a key's holds", sequence)
      rows.update(index) {
        $0.holds = holds
        $0.openHolds &+= 1
      }
    case .forwardSettled, .lateSettled:
      let index = try index(record.key, sequence)
      var charged = rows[index].charged
      try charged.add(ForwardSettledView(record).charged, "a key's charges", sequence)
      rows.update(index) { $0.charged = charged }
    default: break
    }
  }
}
