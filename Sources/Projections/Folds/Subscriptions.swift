// Subscriptions: per (user, group) a validity and three windows of 1, 7 and 30 local days.
//
// A window is a row of intervals of day numbers that do not overlap, ordered by start. A charge or
// correction goes to the interval that holds its service day. After the last one a new interval
// begins on that day, with the window's whole length; before the first one or in a gap, an interval
// begins on that day that ends at the latest where the next one begins. Only the last is tested
// against limits. Nothing ever resets a window: reading after its end finds the next one unused.
public import Base
public import Ledger

public struct Subscriptions: Sendable {
  var entries = Table<SubscriptionEntry>()
  var intervals = Table<SubscriptionInterval>()
  /// Intervals of each subscription's windows, by start; at subscription x 3 + window.
  private var lists: [[Int32]] = [[], [], []]
  private var byPair: [UInt64: SubscriptionID] = [:]
  init() {}

  private static func pair(_ user: UserID, _ group: GroupID) -> UInt64 {
    UInt64(user.value) << 32 | UInt64(group.value)
  }

  // MARK: - Questions

  public func subscription(_ id: SubscriptionID) -> SubscriptionEntry? {
    entries.holds(Int(id.value)) ? entries[Int(id.value)] : nil
  }
  public func subscription(of user: UserID, in group: GroupID) -> SubscriptionEntry? {
    byPair[Self.pair(user, group)].flatMap(subscription)
  }
  public var all: [SubscriptionEntry] { entries.occupied.map(\.row) }
  /// A page of the list, in the order of the numbers.
  public func page(after id: SubscriptionID, limit: Int) -> [SubscriptionEntry] {
    entries.page(after: Int(id.value), limit: limit)
  }
  public var nextSubscription: SubscriptionID { SubscriptionID(UInt32(entries.count)) }

  /// All intervals of a window, by start.
  public func intervals(
    of id: SubscriptionID, _ kind: WindowKind
  ) -> [SubscriptionInterval] {
    guard entries.holds(Int(id.value)) else { return [] }
    return lists[Int(id.value) * 3 + kind.index].map { intervals[Int($0)] }
  }

  /// The interval that a charge on `day` would count against a limit in: the last one, or a new and
  /// unused one when that has ended.
  public func current(
    of id: SubscriptionID, _ kind: WindowKind, on day: DayNumber
  ) -> SubscriptionInterval {
    if entries.holds(Int(id.value)),
      let last = lists[Int(id.value) * 3 + kind.index].last, day < intervals[Int(last)].end
    {
      return intervals[Int(last)]
    }
    return Self.interval(id, kind, from: day, until: nil)
  }

  private static func interval(
    _ id: SubscriptionID, _ kind: WindowKind, from day: DayNumber, until next: DayNumber?
  ) -> SubscriptionInterval {
    var interval = SubscriptionInterval()
    interval.subscription = id
    interval.kindDays = Int64(kind.rawValue)
    interval.start = day
    let (end, overflow) = day.value.addingReportingOverflow(kind.days)
    interval.end = DayNumber(overflow ? .max : end)
    if let next, next < interval.end { interval.end = next }
    return interval
  }

  // MARK: - Folding

  /// Counts a charge or correction in all three windows.
  mutating func count(
    _ amount: NanoUSD, _ id: SubscriptionID, on day: DayNumber, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard entries.holds(Int(id.value)) else {
      throw FoldFault(sequence, .unknown("subscription \(id.value)"))
    }
    for kind in WindowKind.allCases {
      let index = find(id, kind, day)
      var used = intervals[index].used
      try used.add(amount, "a window's use", sequence)
      intervals.update(index) { $0.used = used }
    }
  }

  /// The interval that holds a day, made when there is none.
  private mutating func find(
    _ id: SubscriptionID, _ kind: WindowKind, _ day: DayNumber
  ) -> Int {
    let list = Int(id.value) * 3 + kind.index
    if let last = lists[list].last {
      let interval = intervals[Int(last)]
      if interval.start <= day, day < interval.end { return Int(last) }
    }
    var place = lists[list].count
    while place > 0, intervals[Int(lists[list][place - 1])].start > day { place -= 1 }
    if place > 0 {
      let before = Int(lists[list][place - 1])
      if day < intervals[before].end { return before }
    }
    let next = place < lists[list].count ? intervals[Int(lists[list][place])].start : nil
    let new = intervals.append(Self.interval(id, kind, from: day, until: next))
    lists[list].insert(Int32(truncatingIfNeeded: new), at: place)
    return new
  }

  mutating func release(
    _ id: SubscriptionID, _ hold: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard entries.holds(Int(id.value)) else {
      throw FoldFault(sequence, .unknown("subscription \(id.value)"))
    }
    entries.update(Int(id.value)) {
      $0.holds.value &-= hold.value
      $0.openHolds &-= 1
    }
  }

  private mutating func grant(
    _ state: SubscriptionState, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let known = byPair[Self.pair(state.user, state.group)]
    guard state.subscription == known ?? nextSubscription, !state.user.isNone,
      !state.group.isNone
    else { throw FoldFault(sequence, .unknown("subscription \(state.subscription.value)")) }
    if known == nil {
      var entry = SubscriptionEntry()
      entry.id = state.subscription
      entry.user = state.user
      entry.group = state.group
      entries.append(entry)
      lists += [[], [], []]
      byPair[Self.pair(state.user, state.group)] = state.subscription
    }
    entries.update(Int(state.subscription.value)) {
      $0.starts = state.starts
      $0.expires = state.expires
      $0.isRevoked = false
    }
  }

  private mutating func change(
    _ state: SubscriptionState, revoke: Bool, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let entry = subscription(state.subscription), entry.user == state.user,
      entry.group == state.group
    else { throw FoldFault(sequence, .unknown("subscription \(state.subscription.value)")) }
    entries.update(Int(state.subscription.value)) {
      if revoke {
        $0.isRevoked = true
      } else {
        $0.starts = state.starts
        $0.expires = state.expires
      }
    }
  }

  // MARK: - Checkpoints

  mutating func reindex() throws(StoreError) {
    lists = [[Int32]](repeating: [], count: entries.count * 3)
    for (index, row) in entries.occupied {
      byPair[Self.pair(row.user, row.group)] = SubscriptionID(UInt32(index))
    }
    for (index, row) in intervals.occupied {
      let list = Int(row.subscription.value) * 3 + row.kind.index
      guard list < lists.count else { throw .damaged("a window of no subscription") }
      lists[list].append(Int32(truncatingIfNeeded: index))
    }
    for list in lists.indices {
      lists[list].sort { intervals[Int($0)].start < intervals[Int($1)].start }
    }
  }
}

extension Subscriptions: Projection {
  public static let version = 1

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .billingChecked:
      let check = BillingCheckedView(record)
      guard check.allowed, check.target == .subscription else { return }
      let index = Int(check.subscription.value)
      guard entries.holds(index) else {
        throw FoldFault(sequence, .unknown("subscription \(index)"))
      }
      var holds = entries[index].holds
      try holds.add(check.hold, "a subscription's holds", sequence)
      entries.update(index) {
        $0.holds = holds
        $0.openHolds &+= 1
      }
    case .forwardSettled, .lateSettled:
      let settled = ForwardSettledView(record)
      guard settled.target == .subscription else { return }
      try count(settled.charged, settled.subscription, on: record.serviceDay, sequence)
    case .subscriptionGranted: try grant(SubscriptionGranted(record).state, sequence)
    case .subscriptionExtended:
      try change(SubscriptionExtended(record).state, revoke: false, sequence)
    case .subscriptionRevoked:
      try change(SubscriptionRevoked(record).state, revoke: true, sequence)
    default: break
    }
  }
}
