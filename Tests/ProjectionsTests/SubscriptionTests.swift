// Windows of subscriptions: intervals of local days, across days of 23 and 25 hours, gaps, limits.
import Base
import Ledger
import Testing

@testable import Projections

struct SubscriptionTests {
  private static func time(_ text: String) throws -> Timestamp {
    try #require(Timestamp(text: text))
  }

  private func subscriber(zone: String = "UTC", at text: String) throws -> Scenario {
    var s = Scenario()
    s.now = try Self.time(text)
    var event = TimeZoneSet()
    event.name = zone
    try s.append(event)
    _ = try s.books.internModel("claude-test", now: s.now)
    s.collect()
    try s.addGroup("pro", target: .subscription, limits: (1000, 3000, 9000))
    try s.addAccount("main-1")
    try s.addUser("ada")
    try s.issueKey(user: 1, group: 1)
    try s.grant(user: 1, group: 1)
    return s
  }
  private func windows(_ s: Scenario) throws -> SubscriptionView {
    try #require(
      s.books.subscriptionWindows(user: UserID(1), group: GroupID(1), at: s.now))
  }
  private func use(_ s: inout Scenario, _ amount: Int64) throws {
    try s.settle(try s.admit(hold: 5), charged: amount)
  }

  @Test func `a window begins at midnight of the day of first use`() throws {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    try use(&s, 700)
    let view = try windows(s)
    #expect(view.daily.used == NanoUSD(700))
    #expect(view.daily.resets == (try Self.time("2026-03-03T00:00:00Z")))
    #expect(view.weekly.resets == (try Self.time("2026-03-09T00:00:00Z")))
    #expect(view.monthly.resets == (try Self.time("2026-04-01T00:00:00Z")))
    #expect(view.daily.left == NanoUSD(300))
  }

  @Test func `reading after a window's end finds the next one unused`() throws {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    try use(&s, 1000)
    #expect(try windows(s).daily.isExhausted)
    s.now = try Self.time("2026-03-03T00:00:00Z")
    let view = try windows(s)
    #expect(view.daily.used == .zero)
    #expect(!view.daily.isExhausted)
    #expect(view.weekly.used == NanoUSD(1000))
  }

  @Test func `a week that was not used through begins anew on the day of next use`() throws {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    try use(&s, 10)
    s.now = try Self.time("2026-03-11T12:00:00Z")
    try use(&s, 20)
    let view = try windows(s)
    #expect(view.weekly.used == NanoUSD(20))
    #expect(view.weekly.resets == (try Self.time("2026-03-18T00:00:00Z")))
    #expect(view.monthly.used == NanoUSD(30))
  }

  @Test(arguments: [
    ("2026-03-29T12:00:00Z", "2026-03-29T22:00:00Z", "2026-03-28T23:00:00Z"),
    ("2026-10-25T12:00:00Z", "2026-10-25T23:00:00Z", "2026-10-24T22:00:00Z"),
  ]) func `days of 23 and 25 hours end at local midnight`(
    now: String, resets: String, begins: String
  ) throws {
    var s = try subscriber(zone: "Europe/Berlin", at: now)
    try use(&s, 10)
    let view = try windows(s)
    #expect(view.daily.resets == (try Self.time(resets)))
    #expect(s.books.zone.start(of: view.daily.start) == (try Self.time(begins)))
  }

  @Test func `a request counts in the window of its admission, settled after midnight or not`()
    throws
  {
    var s = try subscriber(at: "2026-03-02T23:59:00Z")
    let late = try s.admit(hold: 5)
    s.now = try Self.time("2026-03-03T00:01:00Z")
    try use(&s, 40)
    try s.settle(late, charged: 7)
    #expect(try windows(s).daily.used == NanoUSD(40))
    let intervals = s.books.subscriptions.intervals(of: SubscriptionID(1), .daily)
    #expect(intervals.map(\.used) == [NanoUSD(7), NanoUSD(40)])
  }

  @Test func `an interval in front of another ends where that one begins`() throws {
    var s = try subscriber(at: "2026-03-02T23:59:00Z")
    let late = try s.admit(hold: 5)
    s.now = try Self.time("2026-03-03T00:01:00Z")
    try use(&s, 40)
    try s.settle(late, charged: 7)
    let weeks = s.books.subscriptions.intervals(of: SubscriptionID(1), .weekly)
    #expect(weeks.map(\.used) == [NanoUSD(7), NanoUSD(40)])
    #expect(weeks[0].end == weeks[1].start)
    #expect(weeks[0].end.value - weeks[0].start.value == 1)
    #expect(weeks[1].end.value - weeks[1].start.value == 7)
  }

  @Test func `a hold is on the subscription until its request ends`() throws {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    let request = try s.admit(hold: 400)
    #expect(try windows(s).holds == NanoUSD(400))
    #expect(try windows(s).openHolds == 1)
    try s.fail(request)
    #expect(try windows(s).holds == .zero)
    #expect(s.books.available(user: UserID(1)).openHolds == 0)
  }

  @Test func `a subscription is valid until its end and not after a revocation`() throws {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    let entry = try windows(s).entry
    #expect(entry.isValid(at: s.now))
    #expect(!entry.isValid(at: entry.expires))
    var event = SubscriptionRevoked()
    event.state.subscription = entry.id
    event.state.user = entry.user
    event.state.group = entry.group
    try s.append(event)
    #expect(try windows(s).isValid == false)
  }

  @Test func `granting what is valid is refused, granting again after a revocation is not`()
    throws
  {
    var s = try subscriber(at: "2026-03-02T15:00:00Z")
    var grant = SubscriptionGranted()
    grant.state.subscription = SubscriptionID(1)
    grant.state.user = UserID(1)
    grant.state.group = GroupID(1)
    grant.state.starts = s.now
    grant.state.expires = Timestamp(microseconds: s.now.microseconds + 1)
    #expect(throws: BooksError.refused(.alreadySubscribed(SubscriptionID(1)))) {
      try s.append(grant)
    }
    var revoke = SubscriptionRevoked()
    revoke.state = grant.state
    try s.append(revoke)
    try s.append(grant)
    #expect(try windows(s).isValid)
  }
}
