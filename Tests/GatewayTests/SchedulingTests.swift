// Slots, queues and the choice of an account, without threads: the state machines alone.
import Base
import HTTP
import Ledger
import Testing

@testable import Gateway

@Test func `waiters get slots in the order they came`() throws {
  var queue = SlotQueue(limit: 1)
  guard case .acquired = queue.acquire(maxWaiting: 5) else { throw Unexpected() }
  let first = try waiter(&queue), second = try waiter(&queue)
  let resumed = queue.release() + queue.release() + queue.release()
  #expect(resumed.count == 2 && resumed[0] === first && resumed[1] === second)
  #expect(queue.isIdle)
}

@Test func `a queue holds no more waiters than it may`() throws {
  var queue = SlotQueue(limit: 1)
  _ = queue.acquire(maxWaiting: 2)
  _ = try waiter(&queue, maxWaiting: 2)
  _ = try waiter(&queue, maxWaiting: 2)
  guard case .queueFull = queue.acquire(maxWaiting: 2) else { throw Unexpected() }
}

@Test func `a waiter that leaves gives its place to the next`() throws {
  var queue = SlotQueue(limit: 1)
  _ = queue.acquire(maxWaiting: 5)
  let first = try waiter(&queue), second = try waiter(&queue)
  let hasLeft = queue.abandon(first)
  let next = queue.release()
  #expect(hasLeft && next.count == 1 && next[0] === second)
  let wasWaiting = queue.abandon(second)
  #expect(!wasWaiting, "its slot is in the air: it is not in the queue any more")
}

@Test func `nobody overtakes a waiter`() throws {
  var queue = SlotQueue(limit: 1)
  _ = queue.acquire(maxWaiting: 5)
  _ = try waiter(&queue)
  let hasOvertaken = queue.tryAcquire()
  #expect(!hasOvertaken)
}

@Test func `without a limit nobody waits`() {
  var queue = SlotQueue(limit: 0)
  var taken = 0
  while taken < 1000, queue.tryAcquire() { taken += 1 }
  #expect(taken == 1000)
}

@Test func `a higher limit lets waiters go at once`() throws {
  var queue = SlotQueue(limit: 1)
  _ = queue.acquire(maxWaiting: 5)
  let first = try waiter(&queue), second = try waiter(&queue)
  _ = try waiter(&queue)
  queue.limit = 3
  let resumed = queue.admitted()
  #expect(resumed.count == 2 && resumed[0] === first && resumed[1] === second)
  #expect(queue.waiting == 1 && queue.running == 3)
}

private struct Unexpected: Error {}
private func waiter(_ queue: inout SlotQueue, maxWaiting: Int = 5) throws -> Suspension {
  guard case .wait(let suspension) = queue.acquire(maxWaiting: maxWaiting) else {
    throw Unexpected()
  }
  return suspension
}

// MARK: - Accounts

private let now = Timestamp(microseconds: 1_000_000_000)
private let group = GroupID(1)

private func plan(
  _ id: UInt32, priority: Int32 = 1, concurrency: Int = 2, models: [String: String] = [:],
  platform: Platform = .anthropic, mixed: Bool = false
) -> AccountPlan {
  AccountPlan(
    id: AccountID(id), name: "account-\(id)", platform: platform, groups: [group],
    models: ModelMap(models), priority: priority, concurrency: concurrency, isMixed: mixed)
}
private func scheduler(_ plans: AccountPlan...) -> Scheduler {
  var scheduler = Scheduler()
  _ = scheduler.adopt(plans)
  return scheduler
}
private func pick(
  _ scheduler: inout Scheduler, model: String = "m", excluding: Set<AccountID> = [],
  at time: Timestamp = now
) -> UInt32? {
  let wish = AccountWish(group: group, platform: .anthropic, model: model, excluded: excluding)
  guard case .acquired(let id) = scheduler.select(wish, now: time) else {
    return nil
  }
  return id.value
}

@Test func `small priority goes first, then the lighter load`() {
  var one = scheduler(plan(1, priority: 2), plan(2, priority: 1))
  #expect(pick(&one) == 2)
  #expect(pick(&one) == 2)
  #expect(pick(&one) == 1, "the first has no free slot left")
  var two = scheduler(plan(1, concurrency: 1), plan(2, concurrency: 10))
  #expect(pick(&two) == 1)
  #expect(pick(&two) == 2, "the load of 1 of 1 is heavier than 0 of 10")
}

@Test func `among equals the never used goes first, then the longest unused`() {
  var scheduler = scheduler(plan(1), plan(2))
  #expect(pick(&scheduler) == 1)
  _ = scheduler.releaseAccount(AccountID(1))
  #expect(pick(&scheduler, at: now.advanced(bySeconds: 1)) == 2)
  _ = scheduler.releaseAccount(AccountID(2))
  #expect(pick(&scheduler, at: now.advanced(bySeconds: 2)) == 1)
}

@Test func `accounts that failed, rest or do not serve the model are passed over`() {
  var scheduler = scheduler(plan(1), plan(2), plan(3, models: ["other": "x"]))
  scheduler.setCondition(AccountID(2), .coolingDown, until: now.advanced(bySeconds: 5))
  #expect(pick(&scheduler, excluding: [AccountID(1)]) == nil)
  #expect(pick(&scheduler, excluding: [AccountID(1)], at: now.advanced(bySeconds: 5)) == 2)
}

@Test func `when nobody is left the earliest end of a rest is told`() throws {
  var scheduler = scheduler(plan(1), plan(2))
  scheduler.setCondition(AccountID(1), .error, until: now.advanced(bySeconds: 9))
  scheduler.setCondition(AccountID(2), .coolingDown, until: now.advanced(bySeconds: 5))
  let wish = AccountWish(group: group, platform: .anthropic, model: "m")
  guard case .nobody(let until) = scheduler.select(wish, now: now) else {
    throw Unexpected()
  }
  #expect(until == now.advanced(bySeconds: 5))
}

@Test func `accounts that have just failed the request count for the end of a rest`() throws {
  var scheduler = scheduler(plan(1), plan(2), plan(3))
  scheduler.setCondition(AccountID(1), .coolingDown, until: now.advanced(bySeconds: 9))
  scheduler.setCondition(AccountID(3), .disabled, until: now.advanced(bySeconds: 1))
  let wish = AccountWish(
    group: group, platform: .anthropic, model: "m", excluded: [AccountID(1), AccountID(2)])
  guard case .nobody(let until) = scheduler.select(wish, now: now) else {
    throw Unexpected()
  }
  #expect(until == now.advanced(bySeconds: 9))
  #expect(scheduler.earliestRest(wish, now: now.advanced(bySeconds: 9)) == nil)
}

@Test func `an account is named without a slot, in the order of the picks`() {
  var scheduler = scheduler(plan(1, concurrency: 1), plan(2, concurrency: 1))
  let wish = AccountWish(group: group, platform: .anthropic, model: "m")
  #expect(scheduler.choose(wish, now: now) == AccountID(1))
  #expect(scheduler.choose(wish, now: now.advanced(bySeconds: 1)) == AccountID(2))
  #expect(scheduler.choose(wish, now: now.advanced(bySeconds: 2)) == AccountID(1))
  #expect(scheduler.runningRequests == 0)
  let other = AccountWish(group: group, platform: .gemini, model: "m")
  #expect(scheduler.choose(other, now: now) == nil)
}

@Test func `a disabled account is never picked`() {
  var scheduler = scheduler(plan(1))
  scheduler.setCondition(AccountID(1), .disabled, until: nil)
  #expect(pick(&scheduler, at: now.advanced(bySeconds: 1_000_000)) == nil)
}

@Test func `an antigravity account serves other groups only when mixed`() {
  var pure = scheduler(plan(1, platform: .antigravity))
  #expect(pick(&pure) == nil)
  var mixed = scheduler(plan(1, platform: .antigravity, mixed: true))
  #expect(pick(&mixed) == 1)
}

@Test func `a model map takes the exact name, then the longest prefix`() {
  let map = ModelMap(["a": "x", "a*": "y", "ab*": "z", "keep*": "*"])
  #expect(map.sent(for: "a") == "x")
  #expect(map.sent(for: "ac") == "y")
  #expect(map.sent(for: "abc") == "z")
  #expect(map.sent(for: "keep-me") == "keep-me")
  #expect(map.sent(for: "b") == nil)
  #expect(ModelMap([:]).sent(for: "anything") == "anything")
}

// MARK: - Rests

private func rest(
  _ status: Int, reset: String? = nil, retryAfter: String? = nil, faults: Int = 0,
  operatorFault: Bool = false
) -> AccountRest? {
  AccountRest(
    status: status, isOperatorFault: operatorFault, resetHeader: reset, retryAfter: retryAfter,
    consecutiveFaults: faults, now: now, rules: AccountRest.Rules())
}

@Test func `accounts rest as long as their answer says`() {
  #expect(rest(429)?.seconds == 300)
  #expect(rest(429, retryAfter: "7")?.seconds == 7)
  #expect(rest(429, reset: "1060", retryAfter: "7")?.seconds == 60)
  #expect(rest(429, reset: "garbage", retryAfter: "-1")?.seconds == 300)
  #expect(rest(429, retryAfter: "99999999999")?.seconds == 604_800)
  #expect(rest(529)?.seconds == 600)
  #expect(rest(401)?.condition == .error && rest(401)?.seconds == 1800)
  #expect(rest(400, operatorFault: true)?.condition == .error)
  #expect(rest(400) == nil && rest(404) == nil)
}

@Test func `faults double the rest up to a minute`() {
  #expect([0, 1, 2, 5, 6, 100].map { rest(503, faults: $0)?.seconds } == [1, 2, 4, 32, 60, 60])
  #expect(rest(0)?.seconds == 1, "no answer at all")
}
