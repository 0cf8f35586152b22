// What decisions and GET /v1/usage ask the live state: each answer is O(1).
public import Base
public import Ledger

/// One window of a subscription, as it stands at a time.
public struct WindowView: Equatable, Sendable {
  public let kind: WindowKind
  /// nil = no limit.
  public let limit: NanoUSD?
  /// Charged and corrected in this interval, without holds.
  public let used: NanoUSD
  public let start: DayNumber
  /// When the next interval can begin: midnight of the local day after the last one.
  public let resets: Timestamp
  /// Settled use has reached the limit.
  public var isExhausted: Bool { limit.map { used >= $0 } ?? false }
  /// What the limit leaves, at least 0; nil without a limit.
  public var left: NanoUSD? { limit.map { max(.zero, NanoUSD($0.value &- used.value)) } }
}

/// A subscription as it stands at a time.
public struct SubscriptionView: Equatable, Sendable {
  public let entry: SubscriptionEntry
  public let isValid: Bool
  public let daily: WindowView
  public let weekly: WindowView
  public let monthly: WindowView
  public var windows: [WindowView] { [daily, weekly, monthly] }
  public var holds: NanoUSD { entry.holds }
  public var openHolds: Int { Int(entry.openHolds) }
}

/// Everything GET /v1/usage says of a key.
public struct KeyUsage: Equatable, Sendable {
  /// Booked and corrected.
  public let today: UsageSum
  public let total: UsageSum
  /// Sum of all durations in milliseconds; the average is this by `total.requests`.
  public let durationSum: Int64
  /// Requests and tokens settled in the last 300 seconds.
  public let recentRequests: Int64
  public let recentTokens: Int64
  public let quotaUsed: NanoUSD
  public let held: NanoUSD
}

extension Books {
  /// A user's money: settled balance, and what open requests hold of it.
  public func available(
    user: UserID
  ) -> (balance: NanoUSD, holds: NanoUSD, openHolds: Int) {
    let row = balances.balance(of: user)
    return (row.balance, row.holds, Int(row.openHolds))
  }

  /// A key's use of its quota, and what its open requests hold.
  public func keyQuota(_ key: KeyID) -> (used: NanoUSD, holds: NanoUSD, openHolds: Int) {
    let row = quotas.quota(of: key)
    return (row.used, row.holds, Int(row.openHolds))
  }

  /// A user's subscription to a group; nil when none was ever granted.
  public func subscriptionWindows(
    user: UserID, group: GroupID, at time: Timestamp
  ) -> SubscriptionView? {
    guard let entry = subscriptions.subscription(of: user, in: group),
      let group = catalog.group(group)
    else { return nil }
    let day = zone.day(of: time)
    func window(_ kind: WindowKind, _ limit: NanoUSD?) -> WindowView {
      let interval = subscriptions.current(of: entry.id, kind, on: day)
      return WindowView(
        kind: kind, limit: limit, used: interval.used, start: interval.start,
        resets: zone.start(of: interval.end))
    }
    return SubscriptionView(
      entry: entry, isValid: entry.isValid(at: time), daily: window(.daily, group.dailyLimit),
      weekly: window(.weekly, group.weeklyLimit), monthly: window(.monthly, group.monthlyLimit))
  }

  /// A key's statistics at a time: today is the local day of that time.
  public func usage(of key: KeyID, at now: Timestamp) -> KeyUsage {
    let row = keyStatistics.statistics(of: key)
    let quota = quotas.quota(of: key)
    let time = max(now, lastTime)
    let recent = keyStatistics.lastFiveMinutes(of: key, at: time)
    return KeyUsage(
      today: row.netDay(zone.day(of: time)), total: row.net, durationSum: row.durationSum,
      recentRequests: recent.requests, recentTokens: recent.tokens, quotaUsed: quota.used,
      held: quota.holds)
  }
}
