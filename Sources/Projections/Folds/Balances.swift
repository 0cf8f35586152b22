// Balances: what each user was credited and charged, and what is held for requests in flight.
//
//   balance = credited - charged - corrected   (the user's own money, not subscriptions)
//   available = balance - holds
import Base
public import Ledger

/// One user's money.
public struct BalanceRow: StoredRow {
  public internal(set) var user = UserID.none
  public internal(set) var credited = NanoUSD.zero
  public internal(set) var charged = NanoUSD.zero
  /// What corrections added to the charges.
  public internal(set) var corrected = NanoUSD.zero
  /// Money held for open requests.
  public internal(set) var holds = NanoUSD.zero
  public internal(set) var openHolds: Int64 = 0
  public init() {}
  /// Parts within the ledger's limits cannot overflow.
  public var balance: NanoUSD {
    NanoUSD(credited.value &- charged.value &- corrected.value)
  }

  public static var table: String { "balances" }
  public static var keyColumn: String { "user" }
  public var isVacant: Bool { user.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &user)
    try coder.money("credited_nano_usd", &credited)
    try coder.money("charged_nano_usd", &charged)
    try coder.money("corrected_nano_usd", &corrected)
    var balance = self.balance
    try coder.money("balance_nano_usd", &balance)
    guard balance == self.balance else { throw .damaged("a balance that does not add up") }
    try coder.money("holds_nano_usd", &holds)
    try coder.column("open_holds", &openHolds)
  }
}

/// All users' balances, indexed by user.
public struct Balances: Sendable {
  var rows = Table<BalanceRow>()
  init() {}
  /// A user's money; nothing when the user is unknown.
  public func balance(of user: UserID) -> BalanceRow {
    rows.holds(Int(user.value)) ? rows[Int(user.value)] : BalanceRow()
  }
  public var all: [BalanceRow] { rows.occupied.map(\.row) }

  private func index(_ user: UserID, _ sequence: SequenceNumber) throws(FoldFault) -> Int {
    guard rows.holds(Int(user.value)) else {
      throw FoldFault(sequence, .unknown("user \(user.value)"))
    }
    return Int(user.value)
  }

  /// Adds what a job corrected to a user's charges.
  mutating func correct(
    _ user: UserID, by delta: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let index = try index(user, sequence)
    var corrected = rows[index].corrected
    try corrected.add(delta, "a balance's corrections", sequence)
    rows.update(index) { $0.corrected = corrected }
  }

  mutating func release(
    _ user: UserID, _ hold: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let index = try index(user, sequence)
    rows.update(index) {
      $0.holds.value &-= hold.value
      $0.openHolds &-= 1
    }
  }
}

extension Balances: Projection {
  public static let version = 1

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .userAdded:
      var row = BalanceRow()
      row.user = UserID(record.u32(16))
      rows.append(row)
    case .billingChecked:
      let check = BillingCheckedView(record)
      guard check.allowed, check.target == .balance else { return }
      let index = try index(record.user, sequence)
      var holds = rows[index].holds
      try holds.add(check.hold, "a user's holds", sequence)
      rows.update(index) {
        $0.holds = holds
        $0.openHolds &+= 1
      }
    case .forwardSettled, .lateSettled:
      let settled = ForwardSettledView(record)
      guard settled.target == .balance else { return }
      let index = try index(record.user, sequence)
      var charged = rows[index].charged
      try charged.add(settled.charged, "a user's charges", sequence)
      rows.update(index) { $0.charged = charged }
    case .creditAdded:
      let index = try index(record.user, sequence)
      var credited = rows[index].credited
      try credited.add(record.money(36), "a user's credits", sequence)
      rows.update(index) { $0.credited = credited }
    default: break
    }
  }
}
