// What is kept of a subscription: its validity, what is held, and the intervals of its windows.
public import Base
public import Ledger

/// The three windows that limits apply to, by their length in days.
public enum WindowKind: UInt8, CaseIterable, Sendable {
  case daily = 1
  case weekly = 7
  case monthly = 30
  public var days: Int32 { Int32(rawValue) }
  /// 0 ... 2.
  var index: Int { self == .daily ? 0 : self == .weekly ? 1 : 2 }
}

/// A subscription of one user to one group.
public struct SubscriptionEntry: StoredRow {
  public internal(set) var id = SubscriptionID.none
  public internal(set) var user = UserID.none
  public internal(set) var group = GroupID.none
  public internal(set) var starts = Timestamp(microseconds: 0)
  /// The first moment at which it is no longer valid.
  public internal(set) var expires = Timestamp(microseconds: 0)
  public internal(set) var isRevoked = false
  /// Money held for open requests.
  public internal(set) var holds = NanoUSD.zero
  public internal(set) var openHolds: Int64 = 0
  public init() {}
  public func isValid(at time: Timestamp) -> Bool {
    !isRevoked && starts <= time && time < expires
  }

  public static var table: String { "subscriptions" }
  public static var keyColumn: String { "subscription" }
  public var isVacant: Bool { id.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &id)
    try coder.field("user", &user)
    try coder.field("group_id", &group)
    try coder.field("starts_us", &starts)
    try coder.field("expires_us", &expires)
    try coder.field("revoked", &isRevoked)
    try coder.money("holds_nano_usd", &holds)
    try coder.column("open_holds", &openHolds)
  }
}

/// One interval of a window: local days `start` ..< `end`.
public struct SubscriptionInterval: StoredRow {
  public internal(set) var subscription = SubscriptionID.none
  /// 1, 7 or 30: the window's length in days; the interval itself may be shorter.
  var kindDays: Int64 = 1
  public internal(set) var start = DayNumber(0)
  public internal(set) var end = DayNumber(0)
  /// What was charged and corrected.
  public internal(set) var used = NanoUSD.zero
  public init() {}
  public var kind: WindowKind { WindowKind(rawValue: UInt8(clamping: kindDays)) ?? .daily }

  public static var table: String { "subscription_windows" }
  public static var keyColumn: String { "number" }
  public var isVacant: Bool { subscription.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("subscription", &subscription)
    try coder.column("length_days", &kindDays)
    guard UInt8(exactly: kindDays).flatMap(WindowKind.init) != nil else {
      throw .damaged("a window of \(kindDays) days")
    }
    try coder.field("start_day", &start)
    try coder.field("end_day", &end)
    try coder.money("used_nano_usd", &used)
  }
}
